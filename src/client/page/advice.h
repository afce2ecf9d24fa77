/*
 * Advice to the operators of a network: what each kind of finding means, and what they can do.
 */
#ifndef ECHOD_CLIENT_PAGE_ADVICE_H
#define ECHOD_CLIENT_PAGE_ADVICE_H

/* The advice on findings of this KIND; "" if there is none. */
const char *path_advice(const char *kind);

#endif
