/*
 * cmocka needs these headers before its own.
 */
#ifndef ECHOD_TESTS_UNIT_H
#define ECHOD_TESTS_UNIT_H

#include "base/util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
