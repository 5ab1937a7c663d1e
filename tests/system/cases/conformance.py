# SPDX-License-Identifier: Apache-2.0
"""What the RFCs demand, told from raw sockets: the checks are in ../conformance, one case for each area."""
import importlib
import pkgutil

import conformance.areas
from conformance.check import run_area
from rig.case import case


def enter_area(area):
    module = importlib.import_module(f'conformance.areas.{area}')

    def run(rig):
        return run_area(rig, area)

    run.__name__, run.__module__, run.__doc__ = area, __name__, module.__doc__
    case()(run)


for found in pkgutil.iter_modules(conformance.areas.__path__):
    enter_area(found.name)
