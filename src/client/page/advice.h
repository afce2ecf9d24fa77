/*
 * What each kind of finding means for whoever runs the network, and what can be done.
 */
#ifndef ECHOD_CLIENT_PAGE_ADVICE_H
#define ECHOD_CLIENT_PAGE_ADVICE_H

/* Of findings of this KIND; "" for others. */
const char *path_advice(const char *kind);

#endif
