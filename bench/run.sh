#!/bin/sh
# make bench: small measurements of the build folder $1, one after the other. For ratios beside
# Kamailio, as root and with SIPp: python3 bench/calls.py BUILD
set -eu
build=$1
"$build/bench/bench_parse"
"$build/bench/bench_location" 100000
"$build/bench/bench_core" conf/examples/automatic.cfg
"$build/bench/bench_relay"
