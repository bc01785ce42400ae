/* The end of a run (smiledet/supervisor.py, smiledet/system/cancel.py), for Spin; `make models` runs it.

   The main thread takes messages until the run is over, then sets the cancel token, waits for the workers and takes what is
   left in its mailbox. Two workers wait for the end through the token; either may fail before. A signal or another thread may
   stop the run at any moment, twice, and somebody asks the main thread to do something. A step of Python that nothing can
   interrupt is one step here. Every order is tried.

   Asserted: the token's lock is never opened twice (that raises), whoever came through it sees the token set, what went wrong
   in each worker is heard once, and a request that was told as done was done. That nobody waits for ever is what Spin calls a
   valid end. Three bugs have to be found: KEYLESS (every `set` opens the lock), LATE (the lock is opened before the token
   is set), DEAF (what is in the mailbox when the run ends is not read). */

#define WORKERS 2
#define STOPPERS 2

bool over, open;                     /* the token is set; its lock can be had */
bool key = true;                     /* whoever takes it opens the lock */
byte stops, requests;                /* in the mailbox: words that the run is to stop, and requests */
byte ends[WORKERS];                  /* and ends: 0 none, 1 without a problem, 2 with one */
bool failed[WORKERS], gone[WORKERS]; /* a worker had a problem; its thread has ended */
byte heard[WORKERS];                 /* how often that was heard */
bool done;                           /* the request was done */

inline let_through() { assert(!open); open = true }

/* CancelToken.set: the flag, then the key, then the lock; each may be overtaken. */
inline set() {
#ifndef LATE
    over = true;
#endif
#ifdef KEYLESS
    let_through();
#else
    if
    :: atomic { key -> key = false; mine = true }
    :: atomic { !key -> mine = false }
    fi;
    if
    :: mine -> let_through()
    :: else
    fi;
#endif
#ifdef LATE
    over = true;
#endif
}

/* CancelToken.wait without a limit: come through the lock, and open it for the next. */
inline wait_for_the_end() {
    if
    :: over
    :: else ->
        atomic { open -> open = false };
        let_through();
        assert(over)
    fi
}

active [WORKERS] proctype Worker() {
    byte me = _pid;
    if
    :: failed[me] = true
    :: true -> wait_for_the_end()
    fi;
    d_step { ends[me] = (failed[me] -> 2 : 1) };
    gone[me] = true
}

active [STOPPERS] proctype Stopper() {
    bool mine;
    if
    :: true -> stops++; set()
    :: true
    fi
}

active proctype Asker() {
    requests++;
    if
    :: done -> skip
    :: over -> skip
    fi
}

/* Take the end of a worker out of the mailbox. */
inline hear(worker) {
    if
    :: ends[worker] == 2 -> heard[worker]++; running = false
    :: else
    fi;
    ends[worker] = 0;
    left--
}

active proctype Main() {
    bool running = true, mine;
    byte left = WORKERS;
    do
    :: atomic { running && stops > 0 -> stops--; running = false }
    :: atomic { running && requests > 0 -> requests--; done = true }
    :: atomic { running && ends[0] > 0 -> hear(0) }
    :: atomic { running && ends[1] > 0 -> hear(1) }
    :: !running -> break
    :: running && left == 0 -> break
    :: running -> break              /* the end of the input */
    od;
    set();
    gone[0] && gone[1];              /* the workers are waited for */
#ifndef DEAF
    if
    :: ends[0] > 0 -> hear(0)
    :: else
    fi;
    if
    :: ends[1] > 0 -> hear(1)
    :: else
    fi;
#endif
    assert(heard[0] == (failed[0] -> 1 : 0));
    assert(heard[1] == (failed[1] -> 1 : 0))
}
