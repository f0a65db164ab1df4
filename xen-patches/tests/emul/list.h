/* SPDX-License-Identifier: GPL-2.0-only */
/******************************************************************************
 * list.h
 *
 * Emulation for the user-space tests: Xen's doubly linked lists, the part that
 * is used.  The _rcu forms publish with release and read with acquire, so that
 * ThreadSanitizer follows them.
 */

#ifndef EMUL_LIST_H
#define EMUL_LIST_H

struct list_head {
    struct list_head *next, *prev;
};

struct hlist_head {
    struct hlist_node *first;
};

struct hlist_node {
    struct hlist_node *next, **pprev;
};

#define LIST_HEAD_INIT(name)    { &(name), &(name) }
#define LIST_HEAD(name)         struct list_head name = LIST_HEAD_INIT(name)
#define LIST_POISON1            ((void *)0x00100100)
#define LIST_POISON2            ((void *)0x00200200)

static inline void INIT_LIST_HEAD(struct list_head *list)
{
    list->next = list->prev = list;
}

static inline void emul_list_insert(struct list_head *new,
                                    struct list_head *prev,
                                    struct list_head *next)
{
    new->next = next;
    new->prev = prev;
    next->prev = new;
    __atomic_store_n(&prev->next, new, __ATOMIC_RELEASE);
}

static inline void list_add(struct list_head *new, struct list_head *head)
{
    emul_list_insert(new, head, head->next);
}

static inline void list_add_tail(struct list_head *new, struct list_head *head)
{
    emul_list_insert(new, head->prev, head);
}

#define list_add_rcu            list_add
#define list_add_tail_rcu       list_add_tail

/* Readers may still stand on entry: its next stays. */
static inline void list_del_rcu(struct list_head *entry)
{
    entry->next->prev = entry->prev;
    __atomic_store_n(&entry->prev->next, entry->next, __ATOMIC_RELEASE);
    entry->prev = LIST_POISON2;
}

static inline void list_del(struct list_head *entry)
{
    list_del_rcu(entry);
    entry->next = LIST_POISON1;
}

static inline void list_del_init(struct list_head *entry)
{
    list_del_rcu(entry);
    INIT_LIST_HEAD(entry);
}

static inline void list_move(struct list_head *list, struct list_head *head)
{
    list_del(list);
    list_add(list, head);
}

static inline void list_move_tail(struct list_head *list,
                                  struct list_head *head)
{
    list_del(list);
    list_add_tail(list, head);
}

static inline int list_empty(const struct list_head *head)
{
    return __atomic_load_n(&head->next, __ATOMIC_ACQUIRE) == head;
}

static inline int list_is_last(const struct list_head *list,
                               const struct list_head *head)
{
    return list->next == head;
}

static inline int list_is_singular(const struct list_head *head)
{
    return !list_empty(head) && head->next == head->prev;
}

static inline void list_splice(struct list_head *list, struct list_head *head)
{
    if ( list_empty(list) )
        return;

    list->next->prev = head;
    list->prev->next = head->next;
    head->next->prev = list->prev;
    head->next = list->next;
}

static inline void list_splice_init(struct list_head *list,
                                    struct list_head *head)
{
    list_splice(list, head);
    INIT_LIST_HEAD(list);
}

#define list_entry(ptr, type, member) container_of(ptr, type, member)
#define list_first_entry(ptr, type, member) \
    list_entry((ptr)->next, type, member)
#define list_last_entry(ptr, type, member) \
    list_entry((ptr)->prev, type, member)
#define list_first_entry_or_null(ptr, type, member) \
    (!list_empty(ptr) ? list_first_entry(ptr, type, member) : NULL)
#define list_next_entry(pos, member) \
    list_entry((pos)->member.next, typeof(*(pos)), member)
#define list_prev_entry(pos, member) \
    list_entry((pos)->member.prev, typeof(*(pos)), member)

#define list_for_each(pos, head) \
    for ( (pos) = (head)->next; (pos) != (head); (pos) = (pos)->next )
#define list_for_each_safe(pos, n, head) \
    for ( (pos) = (head)->next, (n) = (pos)->next; (pos) != (head); \
          (pos) = (n), (n) = (pos)->next )
#define list_for_each_entry(pos, head, member) \
    for ( (pos) = list_entry((head)->next, typeof(*(pos)), member); \
          &(pos)->member != (head); (pos) = list_next_entry(pos, member) )
#define list_for_each_entry_reverse(pos, head, member) \
    for ( (pos) = list_entry((head)->prev, typeof(*(pos)), member); \
          &(pos)->member != (head); (pos) = list_prev_entry(pos, member) )
#define list_for_each_entry_continue(pos, head, member) \
    for ( (pos) = list_next_entry(pos, member); &(pos)->member != (head); \
          (pos) = list_next_entry(pos, member) )
#define list_for_each_entry_safe(pos, n, head, member) \
    for ( (pos) = list_entry((head)->next, typeof(*(pos)), member), \
          (n) = list_next_entry(pos, member); &(pos)->member != (head); \
          (pos) = (n), (n) = list_next_entry(n, member) )
#define list_for_each_entry_rcu(pos, head, member) \
    for ( (pos) = list_entry(__atomic_load_n(&(head)->next, \
                                             __ATOMIC_ACQUIRE), \
                             typeof(*(pos)), member); \
          &(pos)->member != (head); \
          (pos) = list_entry(__atomic_load_n(&(pos)->member.next, \
                                             __ATOMIC_ACQUIRE), \
                             typeof(*(pos)), member) )

#define HLIST_HEAD_INIT         { .first = NULL }
#define HLIST_HEAD(name)        struct hlist_head name = HLIST_HEAD_INIT
#define INIT_HLIST_HEAD(ptr)    ((ptr)->first = NULL)

static inline void INIT_HLIST_NODE(struct hlist_node *h)
{
    h->next = NULL;
    h->pprev = NULL;
}

static inline int hlist_unhashed(const struct hlist_node *h)
{
    return !h->pprev;
}

static inline int hlist_empty(const struct hlist_head *h)
{
    return !__atomic_load_n(&h->first, __ATOMIC_ACQUIRE);
}

static inline void hlist_add_head(struct hlist_node *n, struct hlist_head *h)
{
    struct hlist_node *first = h->first;

    n->next = first;
    n->pprev = &h->first;
    if ( first )
        first->pprev = &n->next;
    __atomic_store_n(&h->first, n, __ATOMIC_RELEASE);
}

/* Readers may still stand on n: its next stays. */
static inline void hlist_del_rcu(struct hlist_node *n)
{
    struct hlist_node *next = n->next;

    __atomic_store_n(n->pprev, next, __ATOMIC_RELEASE);
    if ( next )
        next->pprev = n->pprev;
    n->pprev = LIST_POISON2;
}

static inline void hlist_del(struct hlist_node *n)
{
    hlist_del_rcu(n);
    n->next = LIST_POISON1;
}

static inline void hlist_del_init(struct hlist_node *n)
{
    if ( !hlist_unhashed(n) )
    {
        hlist_del_rcu(n);
        INIT_HLIST_NODE(n);
    }
}

#define hlist_add_head_rcu      hlist_add_head

#define hlist_entry(ptr, type, member) container_of(ptr, type, member)

/* Four arguments, as in Xen 4.17: the node cursor is the caller's. */
#define hlist_for_each_entry(tpos, pos, head, member) \
    for ( (pos) = (head)->first; \
          (pos) && \
          ({ (tpos) = hlist_entry(pos, typeof(*(tpos)), member); 1; }); \
          (pos) = (pos)->next )
#define hlist_for_each_entry_safe(tpos, pos, n, head, member) \
    for ( (pos) = (head)->first; \
          (pos) && ({ (n) = (pos)->next; 1; }) && \
          ({ (tpos) = hlist_entry(pos, typeof(*(tpos)), member); 1; }); \
          (pos) = (n) )
#define hlist_for_each_entry_rcu(tpos, pos, head, member) \
    for ( (pos) = __atomic_load_n(&(head)->first, __ATOMIC_ACQUIRE); \
          (pos) && \
          ({ (tpos) = hlist_entry(pos, typeof(*(tpos)), member); 1; }); \
          (pos) = __atomic_load_n(&(pos)->next, __ATOMIC_ACQUIRE) )

#endif /* EMUL_LIST_H */

/*
 * Local variables:
 * mode: C
 * c-file-style: "BSD"
 * c-basic-offset: 4
 * tab-width: 4
 * indent-tabs-mode: nil
 * End:
 */
