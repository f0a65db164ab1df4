/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * fuzz-key.c
 *
 * libFuzzer target for the key extraction: the first byte says how much of the
 * frame is inline.  Checks that what is inline decides: with more of the same
 * frame inline the answer is the same or becomes one.
 */

#include "emul.h"
#include "key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hicamp_key_offsets off, off_all;
    struct hicamp_flow_key key, key_all;
    unsigned int len, inl;
    uint8_t *hdr;
    int rc;

    if ( !size || size > HICAMP_LEN_MAX )
        return 0;

    len = size - 1;
    inl = min_t(unsigned int, data[0], len);
    hdr = malloc(inl ?: 1);
    memcpy(hdr, data + 1, inl);

    rc = hicamp_key_extract(hdr, inl, len, 7, &key, &off);
    BUG_ON(rc != 0 && rc != (len < 14 ? -EINVAL : -ENODATA));
    if ( !rc )
    {
        BUG_ON(off.l3 > inl || off.l4 > inl || off.payload > inl);
        BUG_ON(off.l4 && off.l4 <= off.l3);
        rc = hicamp_key_extract(data + 1, len, len, 7, &key_all, &off_all);
        BUG_ON(rc || memcmp(&key, &key_all, sizeof(key)) ||
               memcmp(&off, &off_all, sizeof(off)));
    }
    free(hdr);

    return 0;
}

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * tab-width: 4
 * indent-tabs-mode: nil
 * End:
 */
