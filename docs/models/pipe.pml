/* SPDX-License-Identifier: MIT */
/*
 * The three ownership bits of a pipe: who reads, who flushes, who closes.
 *
 * A pipe has no lock of its own. Under its socket's lock a thread sets `reading` (the holder of
 * the token) or `flushing` (any sender), lets the lock go, and then owns that half of the
 * connection; whoever appends meanwhile just leaves, since the flusher looks again before it
 * stops. `dead` may be set by anybody, and the last one out closes: the one that clears the other
 * two bits' last, or the killer when neither is set.
 *
 * What can go wrong: a message appended while the flusher turns away stays behind, two threads
 * write at once, nobody closes, two close, or one closes while another uses the descriptor.
 *
 * The socket's section is one atomic step, for the reason given in token.pml: lock, steps that
 * touch only what that lock guards, unlock. read and writev are steps of their own, without any
 * lock. Mutants (-DMUTANT_...) break one rule each: see README.md.
 */

#ifndef N_SEND
#define N_SEND 2 /* messages of each sender, at most */
#endif
#ifndef N_ROOM
#define N_ROOM 3 /* messages and control records that the peer makes room for, at most */
#endif
#ifndef N_INPUT
#define N_INPUT 1 /* inputs; each asks for a control record in answer, as a KeyUpdate does */
#endif

#ifdef MUTANT_FLUSH_FORGETS_DEAD
#define FLUSHER_CLOSES false
#elif defined(MUTANT_FLUSH_CLOSES_UNDER_READER)
#define FLUSHER_CLOSES dead
#else
#define FLUSHER_CLOSES (dead && !reading)
#endif
#ifdef MUTANT_READER_FORGETS_DEAD
#define READER_CLOSES false
#elif defined(MUTANT_READER_CLOSES_UNDER_FLUSHER)
#define READER_CLOSES dead
#else
#define READER_CLOSES (dead && !flushing)
#endif
#ifdef MUTANT_KILL_CLOSES_UNDER_READER
#define KILLER_CLOSES !flushing
#elif defined(MUTANT_KILL_CLOSES_UNDER_FLUSHER)
#define KILLER_CLOSES !reading
#else
#define KILLER_CLOSES (!reading && !flushing)
#endif
#define PENDING (ctl || fill > 0 || drain_ctl || drain > 0)
#ifdef MUTANT_NO_FILL_RECHECK
#define MORE false
#else
#define MORE PENDING
#endif
#ifdef MUTANT_FORGETS_DRAIN
#define TO_FLUSH (ctl || fill > 0)
#else
#define TO_FLUSH PENDING
#endif
#ifdef MUTANT_IGNORES_FLUSHING
#define MAY_FLUSH !want_out
#else
#define MAY_FLUSH (!flushing && !want_out)
#endif
#ifdef MUTANT_APPENDS_TO_DEAD
#define REFUSED false
#else
#define REFUSED dead
#endif
#ifdef MUTANT_DRAIN_NOT_RETURNED
#define UNSENT fill
#else
#define UNSENT (fill + drain)
#endif
#ifdef MUTANT_WANT_OUT_STAYS
#define CLEAR_WANT_OUT skip
#else
#define CLEAR_WANT_OUT want_out = false
#endif
#ifdef MUTANT_DEAD_STAYS_WATCHED
#define WATCHED !closed
#else
#define WATCHED !dead /* who sets dead deletes the watch in the same section */
#endif

/* The pipe, under the socket lock; drain and drain_ctl belong to the flusher while flushing */
bool reading = false;
bool flushing = false;
bool dead = false;
bool want_out = false;  /* the kernel was full: POLLOUT is watched */
bool ctl = false;       /* a control record is due (tx_ctl) */
byte fill = 0;          /* messages appended */
byte drain = 0;         /* messages being written */
bool drain_ctl = false; /* a control record is being written */

/* The kernel and the peer */
byte room = 0;       /* records that writev will accept */
byte input = 0;      /* to be read */
bool broken = false; /* EOF for the reader, EPIPE for the flusher */

/* For the properties only */
bool closed = false;
byte flushers = 0;
byte accepted = 0; /* messages taken from the application */
byte sent = 0;     /* messages given to the kernel */
byte unsent = 0;   /* messages given back to the protocol */

/* What is still to come, chosen at the start */
byte room_later;
byte input_later;
bool break_later;
bool kill_later;

/* The end of the pipe: once, with nobody inside. What was not sent goes back to the protocol. */
inline finish_close()
{
    assert(!closed);
    closed = true;
    unsent = unsent + UNSENT;
    fill = 0;
    drain = 0;
    drain_ctl = false;
    ctl = false;
    want_out = false
}

/* Swaps fill and drain; what the kernel refused last time stays in front. */
inline take()
{
    drain = drain + fill;
    fill = 0;
    drain_ctl = drain_ctl || ctl;
    ctl = false
}

/* Starts to flush, if there is something to flush and it is nobody's business yet. */
inline begin_flush()
{
    if
    :: TO_FLUSH && MAY_FLUSH && !dead ->
        flushing = true;
        flushers++;
        assert(flushers == 1);
        take();
        mine = true
    :: else
    fi
}

/* writev: no lock held. Control records go first. n messages were accepted, or less than all
   because the kernel is full, or none because the connection broke. */
inline write_some()
{
    assert(!closed);
    n = 0;
    n_ctl = false;
    failed = broken;
    if
    :: !broken && drain_ctl && room > 0 -> room--; n_ctl = true
    :: else
    fi;
    if
    :: !broken && (n_ctl || !drain_ctl) ->
        do
        :: n < drain && room > 0 -> room--; n++
        :: else -> break
        od
    :: else
    fi;
    sent = sent + n
}

/* The section behind writev: advance, then go on or stop, without letting go in between. */
inline advance()
{
    assert(!closed);
    drain = drain - n;
    drain_ctl = drain_ctl && !n_ctl;
    if
    :: failed -> dead = true
    :: !failed && (drain > 0 || drain_ctl) -> want_out = true /* -EAGAIN */
    :: else
    fi;
    n = 0;
    n_ctl = false;
    failed = false;
    if
    :: MORE && !want_out && !dead -> take()
    :: else -> mine = false
    fi
}

inline end_flush()
{
    flushing = false;
    flushers--;
    if
    :: FLUSHER_CLOSES -> finish_close()
    :: else
    fi
}

/* The body of flush; the caller's section has begun it, `mine` says so. */
inline flush()
{
    do
    :: mine ->
        atomic { write_some() };
#ifdef MUTANT_STOPS_IN_TWO_SECTIONS
        atomic { advance() };
        atomic {
            if
            :: !mine -> end_flush()
            :: else
            fi
        }
#else
        atomic {
            advance();
            if
            :: !mine -> end_flush()
            :: else
            fi
        }
#endif
    :: !mine -> break
    od
}

/* A thread in nn_send, some messages, any number up to N_SEND. */
proctype Sender()
{
    byte n = 0;          /* what writev accepted */
    bool n_ctl = false;  /* and whether the control record went */
    bool failed = false; /* writev's error */
    bool mine = false;   /* this thread flushes */
    byte i = 0;

    do
    :: i < N_SEND ->
        atomic {
            i++;
            if
            :: REFUSED -> i = N_SEND
            :: else -> accepted++; fill++; begin_flush()
            fi
        };
        flush()
    :: i = N_SEND; break
    od
}

/* The holder of the token. The event may be stale when the lock is taken at last: a dead pipe's
   memory is still there (limbo), and dead says that there is nothing to do. */
proctype Reader()
{
    byte n = 0;
    bool n_ctl = false;
    bool failed = false;
    bool mine = false;
    bool ended = false;    /* read met the end */
    bool got = false;      /* read got something */
    bool writable = false; /* the event says POLLOUT */

end_poll:
    do
    :: atomic { WATCHED && (input > 0 || broken || (want_out && room > 0)) ->
        writable = want_out && room > 0 };
        if
        :: atomic { !dead -> reading = true };
            atomic { /* read, no lock held */
                assert(!closed);
                got = input > 0;
                input = 0;
                ended = broken && !got
            };
            atomic { /* publish; the answer to what was read; POLLOUT; the way out */
                assert(!closed);
                ctl = ctl || got;
                dead = dead || ended;
                got = false;
                ended = false;
                if
                :: writable -> CLEAR_WANT_OUT
                :: else
                fi;
                writable = false;
                reading = false;
                begin_flush();
                if
                :: READER_CLOSES -> finish_close()
                :: else
                fi
            };
            flush()
        :: atomic { dead -> writable = false }
        fi
    od
}

/* The kernel, the peer, and the thread that kills (nn_close): each action is one step. */
proctype World()
{
end_world:
    do
    :: atomic { room_later > 0 -> room_later--; room++ }
    :: atomic { input_later > 0 -> input_later--; input++ }
    :: atomic { break_later -> break_later = false; broken = true }
    :: atomic { kill_later ->
        kill_later = false;
        if
        :: !dead ->
            dead = true;
            if
            :: KILLER_CLOSES -> finish_close()
            :: else
            fi
        :: else
        fi }
    od
}

inline choose(x, most)
{
    do
    :: x < most -> x++
    :: break
    od
}

init
{
    atomic {
        choose(room_later, N_ROOM);
        choose(input_later, N_INPUT);
        choose(break_later, 1);
        choose(kill_later, 1);
        run Reader();
        run Sender();
        run Sender();
        run World()
    };
    timeout ->
    atomic {
        assert(!reading && !flushing);
        assert(dead == closed);                      /* who is dead was closed */
        assert(!closed || fill + drain == 0);        /* and left nothing behind */
        assert(accepted == sent + unsent + fill + drain);
        assert(!broken || dead);                     /* the end was noticed */
        assert(!PENDING || (want_out && room == 0)) /* only a full kernel keeps messages back */
    }
}
