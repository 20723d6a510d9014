/* SPDX-License-Identifier: MIT */
/*
 * The token: who runs the event loop, and how nobody sleeps through a message.
 *
 * A thread that waits in nn_recv takes the token when it is free and leads the loop itself; the
 * others park on a semaphore of their own. Whoever gives the token up hands it on, to a parked
 * waiter or, when there is none, to the helper thread, which sleeps as long as others lead.
 *
 * What can go wrong is a wake-up that is lost: a message lies in a queue, or in the kernel, and
 * everybody sleeps. So the model lets every thread stop at every point, lets every wait end early
 * (time-out or signal), and looks at what is left once nothing can move any more.
 *
 * Shapes of the world, chosen by -D: (none) two sockets with a network peer each, one waiter on
 * each; ONE_SOCKET both waiters on one socket; INPROC_ONLY waiter 1's socket has no network peer,
 * so that waiter may not lead. Mutants, chosen by -DMUTANT_..., break one rule each: see README.md.
 *
 * Why whole critical sections are one atomic step. `loop.m` and the socket lock are never held
 * across a blocking call, and everything that a section touches is touched under that lock only.
 * Taking a lock commutes to the right past the steps of others, releasing it to the left
 * (Lipton 1975), so a section runs as if in one piece; the socket lock around loop.m (socket <
 * leaf) has the same form. Three things in a section can be seen from outside of it, and do no
 * harm: a post, a kick and a byte on a socket each make a thread run whose next step that matters
 * takes loop.m, so it meets the section's end either way. sem_wait before lock(loop.m) is one step
 * with the section that follows: taking a post commutes to the right past everybody else's posts,
 * and nobody reads the count. Everything else is a step of its own, above all epoll_wait and
 * what comes before and behind it.
 */

#ifndef N_NET
#define N_NET 1 /* messages from the network */
#endif
#ifndef N_INPROC
#define N_INPROC 1 /* messages put into a queue by another thread */
#endif
#ifndef N_TIMER
#define N_TIMER 1 /* pieces of new work that no descriptor announces: timers, dirty pipes */
#endif
#ifndef N_LEAVES
#define N_LEAVES 1 /* waits of each waiter that end by time-out or EINTR, at most */
#endif

#ifdef EAGER
#define IS_EAGER true
#else
#define IS_EAGER false
#endif

#ifdef ONE_SOCKET
#define S(i) 0 /* the socket of waiter i */
#else
#define S(i) i
#endif

#ifdef INPROC_ONLY
#define ON_NET(k) (k == 0) /* socket k gets a network peer some day */
#else
#define ON_NET(k) (k == 0 || S(1) == 1)
#endif

/* Each mutant removes one rule. The names on the right are used where the rule stands. */
#ifdef MUTANT_NO_RECHECK
#define READY_BEFORE_SLEEP(i) false
#else
#define READY_BEFORE_SLEEP(i) ready[i]
#endif
#ifdef MUTANT_NO_KICK
#define KICK_LEADER skip
#else
#define KICK_LEADER kick = true
#endif
#ifdef MUTANT_NO_WORK_KICK
#define KICK_FOR_WORK skip
#else
#define KICK_FOR_WORK kick = true
#endif
#ifdef MUTANT_NO_WORK_RECHECK
#define LOOK_EARLY early = due
#define NO_TIME early
#else
#define LOOK_EARLY skip
#define NO_TIME due
#endif
#ifdef MUTANT_NO_HANDOVER
#define PASSES_ON(i) promoted[i]
#elif defined(MUTANT_NO_PASS_ON)
#define PASSES_ON(i) mine
#else
#define PASSES_ON(i) (mine || promoted[i])
#endif
#ifdef MUTANT_POST_OWED_IGNORED
#define TAKE_POST_OWED(i) skip
#else
#define TAKE_POST_OWED(i) assert(sem[i] == 1); sem[i]--
#endif
#ifdef MUTANT_STAYS_LINKED
#define UNLINK(i) skip
#else
#define UNLINK(i) linked[i] = false
#endif
#ifdef MUTANT_SIGNAL_KEEPS_LINK
#define SIGNAL_UNLINKS(i) skip
#else
#define SIGNAL_UNLINKS(i) linked[i] = false
#endif
#ifdef MUTANT_SIGNAL_NO_POST
#define SIGNAL_POSTS(i) skip
#else
#define SIGNAL_POSTS(i) post(i)
#endif
#ifdef MUTANT_NO_POST_ON_NEW_WORK
#define POST_FOR_WORK skip
#else
#define POST_FOR_WORK hsem = 1
#endif
#ifdef MUTANT_NO_HELPER_POST
#define POST_HELPER skip
#else
#define POST_HELPER hsem = 1
#endif
#ifdef MUTANT_PROMOTES_ANYBODY
#define MAY_BE_PROMOTED(i) linked[i]
#else
#define MAY_BE_PROMOTED(i) (linked[i] && may_lead[i])
#endif
#ifdef MUTANT_TAKES_HELD_TOKEN
#define TOKEN_FREE true
#else
#define TOKEN_FREE !led
#endif
#ifdef MUTANT_HELPER_PARKS_ALONE
#define HELPER_TAKES_OVER false
#else
#define HELPER_TAKES_OVER !led
#endif
#ifdef MUTANT_HELPER_NEVER_PARKS
#define HELPER_MAY_PARK skip
#else
#define HELPER_MAY_PARK hstate = PARKED
#endif
#ifdef MUTANT_KICK_NOT_READ
#define READ_KICK skip
#else
#define READ_KICK kick = false
#endif
#ifdef MUTANT_NO_BATON
#define BATON(k) skip
#else
#define BATON(k) wake(k)
#endif

#define NONE 2
#define PARKED 0
#define WATCHING 1
#define LEADING 2
#define LEAD 0
#define PARK 1
#define LEAVE 2
#define ACTIVE (watched[0] || watched[1] || due) /* watches + timers + dirty > 0 */

/* The loop, under loop.m */
bool led = false;       /* somebody holds the token */
byte leader = NONE;     /* the waiter that holds it; NONE also when the helper does */
bool asleep = false;    /* the leader is in epoll_wait, or about to be */
bool delivered = false; /* a waiter was made ready since the helper took the token */
bool fresh = false;     /* somebody took a turn since the helper looked last: epoch != seen */
byte hstate = PARKED;   /* the helper */
bool watched[2];        /* socket k has a descriptor in the epoll set */
bool due = false;       /* a timer ran out or a pipe is dirty: work that only the loop sees to */

/* The waiters' records, under loop.m; registered[], may_lead[] and the queues under socket locks */
bool ready[2];      /* what it waits for has come true */
bool linked[2];     /* in the loop's queue of parked waiters */
bool promoted[2];   /* was handed the token */
bool may_lead[2];   /* its socket had a watched descriptor when it began to wait */
bool registered[2]; /* its socket knows that it waits */
byte q[2];          /* messages in the socket's queue */

/* What the kernel keeps */
byte sem[2];       /* each waiter's semaphore */
byte hsem = 0;     /* the helper's; a second post is not made while one is under way */
bool kick = false; /* the kick descriptor is readable */
byte fd[2];        /* messages in the receive buffer of socket k's connection */

/* For the properties only */
byte leaders = 0;  /* threads that think that they lead */

/* What is still to come, chosen at the start: "nothing more" is always among the choices, so that
   a thread that depends on some later event to wake it is found out. */
byte leaves[2]; /* waits of each waiter that end early */
bool binds[2];  /* socket k gets its network peer */
byte net;
byte inproc;
byte timer;

inline post(i)
{
    sem[i]++;
    assert(sem[i] == 1) /* one post for one park */
}

/* A waiter's condition came true. Its socket's lock is held; loop.m is taken here. */
inline signal(i)
{
    if
    :: ready[i]
    :: else ->
        ready[i] = true;
        delivered = (hstate == LEADING);
        if
        :: leader == i && asleep -> asleep = false; KICK_LEADER
        :: leader != i && linked[i] -> SIGNAL_UNLINKS(i); SIGNAL_POSTS(i)
        :: else
        fi
    fi
}

/* Signals one waiter of socket k, any: the code takes the first, which is one of the choices. */
inline wake(k)
{
    if
    :: registered[0] && S(0) == k -> signal(0)
    :: registered[1] && S(1) == k -> signal(1)
    :: else
    fi
}

/* n messages enter the queue of socket k, its lock held. Only 0 -> n wakes: the weakest rule. */
inline deliver(k, n)
{
    q[k] = q[k] + n;
    if
    :: q[k] == n -> wake(k)
    :: else
    fi
}

/* The token is free; loop.m is held. Any waiter that may lead, where the code takes the first. */
inline hand_over()
{
    if
    :: MAY_BE_PROMOTED(0) -> linked[0] = false; promoted[0] = true; post(0)
    :: MAY_BE_PROMOTED(1) -> linked[1] = false; promoted[1] = true; post(1)
    :: else ->
        if
        :: ACTIVE && (hstate == PARKED || (IS_EAGER && hstate == WATCHING)) -> POST_HELPER
        :: else
        fi
    fi
}

/* There is something to lead for; loop.m is held. A new watch needs no kick (epoll_ctl reaches a
   running epoll_wait), a timer or a dirty pipe does: the leader sleeps by an older deadline. */
inline new_work()
{
    if
    :: led && asleep && due -> asleep = false; KICK_FOR_WORK
    :: !led && hstate == PARKED -> POST_FOR_WORK
    :: else
    fi
}

/* The first section of lead_once: the last look before sleeping. */
inline before_sleep()
{
    instant = NO_TIME; /* work is due: the time-out is 0 */
    asleep = true
}

/* epoll_wait: what it saw is a snapshot; what comes later waits for the next round. */
inline epoll_wait()
{
    (instant || kick || (watched[0] && fd[0] > 0) || (watched[1] && fd[1] > 0));
    saw_kick = kick;
    saw[0] = watched[0] && fd[0] > 0;
    saw[1] = watched[1] && fd[1] > 0
}

/* The second section of lead_once. The kick is read in the same step: it is written only while
   asleep is set, so from here to the next before_sleep nobody writes it. */
inline after_sleep()
{
    asleep = false;
    if
    :: saw_kick -> READ_KICK; saw_kick = false
    :: else
    fi;
    if
    :: instant -> due = false; instant = false /* uv_run(NOWAIT) */
    :: else
    fi
}

/* One pipe_event: read all, publish under the socket lock. Reading before the lock is one step
   with publishing, since only the token holder looks at the descriptor. */
inline pipe_event(k)
{
    saw[k] = false;
    if
    :: fd[k] > 0 -> deliver(k, fd[k]); fd[k] = 0
    :: else
    fi
}

inline take_token()
{
    led = true;
    leaders++;
    assert(leaders == 1)
}

inline drop_token()
{
    led = false;
    leader = NONE;
    leaders--
}

/* The end of wait(), loop.m still held. Behind it the record is gone: nothing may point to it. */
inline leave(i)
{
    if
    :: mine -> drop_token()
    :: else
    fi;
    if
    :: !led && PASSES_ON(i) -> hand_over()
    :: else
    fi;
    mine = false;
    go = LEAVE;
    assert(sem[i] == 0);
    assert(!linked[i])
}

/* The head of wait()'s loop, loop.m held: go on waiting (how?) or leave. */
inline decide(i)
{
    if
    :: ready[i] || rc -> leave(i)
    :: !ready[i] && !rc && leaves[i] > 0 -> /* now >= deadline */
        leaves[i]--;
        rc = true;
        leave(i)
    :: !ready[i] && !rc && mine -> fresh = (hstate == WATCHING); go = LEAD
    :: !ready[i] && !rc && !mine && TOKEN_FREE && may_lead[i] ->
        take_token();
        mine = true;
        leader = i;
        fresh = (hstate == WATCHING);
        go = LEAD
    :: !ready[i] && !rc && !mine && !(TOKEN_FREE && may_lead[i]) ->
        linked[i] = true;
        go = PARK
    fi
}

/* park() and the section behind it, as said at the top. The post that is owed: the time-out and
   the post crossed, the record is off the queue already, so a post is there and must be taken. */
inline park(i)
{
    if
    :: sem[i] > 0 -> sem[i]--
    :: leaves[i] > 0 -> leaves[i]--; rc = true
    fi;
    if
    :: linked[i] -> UNLINK(i)
    :: !linked[i] && rc -> TAKE_POST_OWED(i)
    :: else
    fi
}

/* The socket's section of nn_recv: take a message or register. An error goes back to the caller
   with or without another look. Who leaves a message behind passes the baton: wakes the next. */
inline try_or_register(i)
{
    registered[i] = false;
    ready[i] = false;
    promoted[i] = false;
    may_lead[i] = false;
    go = LEAVE;
    if
    :: q[S(i)] > 0 -> q[S(i)]--
    :: rc
    :: q[S(i)] == 0 && !rc ->
        registered[i] = true;
        may_lead[i] = watched[S(i)];
        go = LEAD
    fi;
    if
    :: go == LEAVE && q[S(i)] > 0 -> BATON(S(i))
    :: else
    fi;
    rc = false
}

/* nn_recv again and again; after each return the thread may stop calling for ever. A call that
   does not wait (NN_DONTWAIT, nn_poll with 0) is a wait whose deadline passes at once. */
proctype Waiter(byte i)
{
    bool mine = false;     /* holds the token */
    bool rc = false;       /* the wait ended by time-out or EINTR */
    bool instant = false;  /* epoll_wait returns at once */
    bool early = false;    /* a mutant's: work was due before the last look */
    bool saw_kick = false; /* what epoll_wait saw */
    bool saw[2];
    byte go = LEAVE;

calls:
    atomic {
        try_or_register(i);
        if
        :: go == LEAVE -> goto calls
        :: go == LEAVE -> goto stops
        :: go != LEAVE
        fi
    };
    atomic { decide(i) };
    do
    :: atomic { go == LEAD && READY_BEFORE_SLEEP(i) -> go = LEAD };
        atomic { decide(i) }
    :: atomic { go == LEAD && !READY_BEFORE_SLEEP(i) -> before_sleep() };
end_poll:
        if
        :: atomic { epoll_wait() }
        :: atomic { leaves[i] > 0 -> leaves[i]--; rc = true }
        fi;
        atomic { after_sleep() };
        do
        :: atomic { saw[0] -> pipe_event(0) }
        :: atomic { saw[1] -> pipe_event(1) }
        :: atomic { !saw[0] && !saw[1] -> decide(i); break }
        od
    :: go == PARK ->
end_park:
        atomic { (sem[i] > 0 || leaves[i] > 0) -> park(i); decide(i) }
    :: atomic { go == LEAVE -> goto calls }
    od;
stops:
    skip
}

/* The helper. Its 5 ms tick may come at any moment; "epoch unchanged" is !fresh, exactly. A post
   that finds it WATCHING only makes the tick come sooner. */
proctype Helper()
{
    bool instant = false;
    bool early = false;
    bool saw_kick = false;
    bool saw[2];

end_parked:
    do
    :: atomic { hstate == PARKED && hsem > 0 -> hsem--; hstate = WATCHING }
    :: atomic {
        hstate == WATCHING ->
        if
        :: hsem > 0 -> hsem--
        :: true
        fi;
        if
        :: (!fresh || IS_EAGER) && HELPER_TAKES_OVER -> take_token(); hstate = LEADING
        :: fresh && !(IS_EAGER && HELPER_TAKES_OVER)
        :: !fresh && !(HELPER_TAKES_OVER) -> HELPER_MAY_PARK
        fi;
        fresh = false
       }
    :: atomic { hstate == LEADING && delivered ->
        drop_token();
        hstate = WATCHING;
        delivered = false;
        hand_over()
       }
    :: atomic { hstate == LEADING && !delivered -> LOOK_EARLY };
        atomic { before_sleep() };
end_poll:
        atomic { epoll_wait() };
        atomic { after_sleep() };
        do
        :: atomic { saw[0] -> pipe_event(0) }
        :: atomic { saw[1] -> pipe_event(1) }
        :: atomic { !saw[0] && !saw[1] -> break }
        od
    od
}

/* Everybody else. One process with a choice at each step stands for any number of threads and
   peers: each of their actions is one step and remembers nothing. */
proctype World()
{
end_world:
    do
    :: atomic { binds[0] -> binds[0] = false; watched[0] = true; new_work() } /* bind, connect */
    :: atomic { binds[1] -> binds[1] = false; watched[1] = true; new_work() }
    :: atomic { timer > 0 && !due -> timer--; due = true; new_work() }
    :: atomic { net > 0 && watched[0] -> net--; fd[0]++ }
    :: atomic { net > 0 && watched[1] -> net--; fd[1]++ }
    :: atomic { inproc > 0 -> inproc--; deliver(S(0), 1) }
    :: atomic { inproc > 0 && S(1) == 1 -> inproc--; deliver(1, 1) }
    od
}

inline choose(x, most)
{
    do
    :: x < most -> x++
    :: break
    od
}

/* Starts all, waits until nothing can move, and looks at what is left. A thread that is stuck
   anywhere but at a label end_* is an invalid end state. */
init
{
    atomic {
        choose(leaves[0], N_LEAVES);
        choose(leaves[1], N_LEAVES);
        choose(binds[0], ON_NET(0));
        choose(binds[1], ON_NET(1));
        choose(net, N_NET);
        choose(inproc, N_INPROC);
        choose(timer, N_TIMER);
        run Helper();
        run Waiter(0);
        run Waiter(1);
        run World()
    };
    timeout ->
    atomic {
        assert(!ACTIVE || led);                  /* the token is not stuck */
        assert(!due);                            /* timers were run */
        assert(fd[0] == 0 && fd[1] == 0);        /* the kernel's buffers were read */
        assert(!(registered[0] && q[S(0)] > 0)); /* who waits has nothing to take */
        assert(!(registered[1] && q[S(1)] > 0));
        assert(sem[0] == 0 && sem[1] == 0)       /* no post was left over */
    }
}
