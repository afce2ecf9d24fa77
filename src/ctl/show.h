/*
 * Printing reports of the daemon (lines of "key=value" pairs, separated by tabs) for people and
 * programs.
 */
#ifndef ECHOD_CTL_SHOW_H
#define ECHOD_CTL_SHOW_H

#include <stdio.h>

/* Each line an object; an array of them, or, with SINGLE, the one object. The text is changed. */
void show_json(char *report, int single, FILE *to);

/* Metrics, which are in the text format of Prometheus and differ in their names, as one object: the
 * value of each by its name, without its labels. The text is changed. */
void show_metrics(char *report, FILE *to);

/* A table, its columns named after the keys. The text is changed. */
void show_table(char *report, FILE *to);

/* A line per pair, of a report that is one line. The text is changed. */
void show_pairs(char *report, FILE *to);

/* The sentence that a report of check-access makes. The text is changed. */
void show_verdict(char *report, FILE *to);

#endif
