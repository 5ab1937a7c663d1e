/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Warnings about a checked tree: what can be written, but can hardly be meant. */
#include "script/tree.h"

void check_sense(struct unit *unit, struct block *blocks);
/* flow.c: what a request reaches before anybody has looked who sends it, or where it goes. */
void check_flow(struct unit *unit, struct block *blocks);
