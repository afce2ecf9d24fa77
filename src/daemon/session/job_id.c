#include "daemon/session/job_id.h"

#define DATAGRAMS (UINT64_C(1) << 63)

uint64_t job_id(uint64_t number, size_t index, bool datagrams)
{
    return number << JOB_INDEX_BITS | index | (datagrams ? DATAGRAMS : 0);
}

size_t job_index(uint64_t job)
{
    return job & ((1u << JOB_INDEX_BITS) - 1);
}

bool job_is_datagram(uint64_t job)
{
    return job & DATAGRAMS;
}
