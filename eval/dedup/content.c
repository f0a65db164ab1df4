/* SPDX-License-Identifier: GPL-2.0-only */
/* content: see content.h. */

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "content.h"

static uint64_t padded(uint64_t bytes)
{
    return (bytes + CONTENT_ALIGN - 1) & ~(uint64_t)(CONTENT_ALIGN - 1);
}

static bool complain(const char *name, const char *what)
{
    fprintf(stderr, "dedup: %s: %s\n", name, what);

    return false;
}

struct file
{
    char *name;
    uint64_t bytes;
};

struct files
{
    struct file *file;
    size_t nr, room;
};

static bool files_add(struct files *f, const char *name)
{
    struct stat st;

    if ( stat(name, &st) || !S_ISREG(st.st_mode) )
        return complain(name, "not a file that can be read");
    if ( !st.st_size )
        return true;

    if ( f->nr == f->room )
    {
        size_t room = f->room ? 2 * f->room : 1024;
        struct file *more = realloc(f->file, room * sizeof(*more));

        if ( !more )
            return complain(name, "out of memory");
        f->file = more;
        f->room = room;
    }

    f->file[f->nr].name = strdup(name);
    f->file[f->nr].bytes = st.st_size;

    return f->file[f->nr++].name || complain(name, "out of memory");
}

static bool files_list(struct files *f, FILE *list)
{
    char *name = NULL;
    size_t room = 0;
    bool ok = true;

    while ( ok && getdelim(&name, &room, '\0', list) > 0 )
        ok = files_add(f, name);
    free(name);

    return ok && (f->nr || complain("list", "names no content"));
}

static void files_free(struct files *f)
{
    size_t i;

    for ( i = 0; i < f->nr; i++ )
        free(f->file[i].name);
    free(f->file);
}

/* Read some bytes of an open file; its end is not expected. */
static bool read_all(int fd, uint8_t *to, uint64_t bytes)
{
    while ( bytes )
    {
        ssize_t got = read(fd, to, bytes);

        if ( got <= 0 )
            return false;
        to += got;
        bytes -= got;
    }

    return true;
}

/* Append a file's segments; *at is where the next one goes. */
static bool file_read(struct content *c, const struct file *f, uint64_t cut,
                      uint8_t **at)
{
    int fd = open(f->name, O_RDONLY);
    uint64_t left = f->bytes;
    uint8_t probe;
    bool ok = fd >= 0;

    while ( ok && left )
    {
        uint64_t bytes = cut && cut < left ? cut : left;

        ok = read_all(fd, *at, bytes);
        c->segments[c->nr].data = *at;
        c->segments[c->nr++].bytes = bytes;
        c->bytes += bytes;
        *at += padded(bytes);
        left -= bytes;
    }
    ok = ok && !read(fd, &probe, 1);
    if ( fd >= 0 )
        close(fd);

    return ok || complain(f->name, "cannot be read, or changed meanwhile");
}

static bool content_alloc(struct content *c, const struct files *f,
                          uint64_t cut)
{
    uint64_t segments = 0;
    size_t i;

    for ( i = 0; i < f->nr; i++ )
    {
        uint64_t bytes = f->file[i].bytes, whole = cut ? bytes / cut : 0;

        c->memory_bytes += whole * padded(cut) + padded(bytes - whole * cut);
        segments += whole + 1;
    }

    c->segments = calloc(segments, sizeof(*c->segments));
    c->memory = mmap(NULL, c->memory_bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if ( c->memory == MAP_FAILED )
        c->memory = NULL;
    if ( !c->segments || !c->memory )
        return complain("content", "out of memory");

    madvise(c->memory, c->memory_bytes, MADV_HUGEPAGE);

    return true;
}

bool content_read(struct content *c, FILE *list, uint64_t cut)
{
    struct files f = { NULL, 0, 0 };
    uint8_t *at;
    bool ok;
    size_t i;

    memset(c, 0, sizeof(*c));
    ok = files_list(&f, list) && content_alloc(c, &f, cut);

    at = c->memory;
    for ( i = 0; ok && i < f.nr; i++ )
        ok = file_read(c, &f.file[i], cut, &at);

    files_free(&f);
    if ( !ok )
        content_free(c);

    return ok;
}

void content_free(struct content *c)
{
    if ( c->memory )
        munmap(c->memory, c->memory_bytes);
    free(c->segments);
    memset(c, 0, sizeof(*c));
}
