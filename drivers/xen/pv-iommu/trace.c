// SPDX-License-Identifier: GPL-2.0-only
/* Where the trace events are instantiated. */

#define CREATE_TRACE_POINTS
#include "trace.h"
