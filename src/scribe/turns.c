#include "scribe/turns.h"

#include <stddef.h>

static void append_turn(struct turns *turns, struct turn *turn)
{
    turn->next = NULL;
    if (turns->first)
        turns->last->next = turn;
    else
        turns->first = turn;
    turns->last = turn;
}

void turns_add(struct turns *turns, struct store_client *client)
{
    struct turn *turn = &turns->turn[client->source % TURNS];

    client->next = NULL;
    if (turn->first) {
        turn->last->next = client;
    } else {
        turn->first = client;
        append_turn(turns, turn);
    }
    turn->last = client;
}

struct store_client *turns_next(struct turns *turns)
{
    struct turn *turn = turns->first;

    if (!turn)
        return NULL;
    struct store_client *client = turn->first;
    turns->first = turn->next;
    turn->first = client->next;
    if (turn->first)
        append_turn(turns, turn);
    return client;
}
