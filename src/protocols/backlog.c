/* SPDX-License-Identifier: MIT */
#include "backlog.h"
#include <errno.h>

#define BACKLOG_RETRY_MS 100

struct backlog_msg {
    struct sp_list node; /* in msgs */
    struct sp_msg msg;   /* owns its body */
};

void sp_backlog_init(struct sp_backlog *b, struct sp_sock *s)
{
    sp_list_init(&b->msgs);
    b->last = &b->msgs;
    b->from = 0;
    b->sock = s;
}

void sp_backlog_fini(struct sp_backlog *b)
{
    struct sp_list *node;
    while ((node = sp_list_pop(&b->msgs))) {
        struct backlog_msg *x = SP_CONTAINER(node, struct backlog_msg, node);
        sp_sock_dropped_send(b->sock, NULL);
        sp_msg_drop(&x->msg);
        sp_free(x);
    }
}

void sp_backlog_put(struct sp_backlog *b, struct sp_pipe *p, struct sp_msg *m)
{
    struct backlog_msg *x = sp_alloc(sizeof *x);
    if (!x || sp_msg_own(m) < 0) {
        sp_sock_dropped_send(b->sock, p);
        sp_msg_drop(m);
        sp_free(x);
        return;
    }
    sp_msg_move(&x->msg, m);
    if (!p) {
        sp_list_push(&b->msgs, &x->node);
        return;
    }
    if (b->from != p->id)
        b->last = &b->msgs;
    sp_list_insert_before(b->last->next, &x->node);
    b->last = &x->node;
    b->from = p->id;
}

int sp_backlog_flush(struct sp_backlog *b, int (*send)(struct sp_sock *s, struct sp_msg *m))
{
    while (!sp_backlog_empty(b)) {
        struct backlog_msg *x = SP_CONTAINER(b->msgs.next, struct backlog_msg, node);
        int rc = send(b->sock, &x->msg);
        if (rc < 0) {
            if (rc != -EAGAIN)
                sp_sock_timer(b->sock, sp_deadline(BACKLOG_RETRY_MS));
            return rc;
        }
        if (b->last == &x->node)
            b->last = &b->msgs;
        sp_list_unlink(&x->node);
        sp_free(x);
    }
    return 0;
}
