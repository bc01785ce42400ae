/* The protocol of the frame buffer (smiledet/buffer.py, smiledet/turns.py), for Spin; `make models` runs it.

   A producer publishes frames; two workers of a stage and one of the next claim, finish and hand back; somebody may close
   the buffer at any moment. What the code does with the lock held is one step here; a worker is woken after the lock was let
   go, in a step of its own, and its time may run out before or after it was handed a frame. Every order is tried.

   Asserted: no frame is claimed twice by a stage, none by the second stage before the first is done with it, the ring
   never holds more than it may, and where nobody closed it every frame went through both stages. That nobody waits for
   ever is what Spin calls a valid end. Options: LIVE (the newest frame wins, instead of every frame), TIMEOUTS,
   and two bugs that have to be found: FORGETS (whose time has run out throws away what it was handed), SLEEPS (a result
   wakes nobody). */

#define FRAMES 3
#define CAPACITY 2
#define WORKERS 3
#define DONE 255
#define STAGE(worker) (worker / 2)

bool published[FRAMES], held[FRAMES];
bool claimed[6], finished[6];        /* stage * FRAMES + frame */
byte holding, next;                  /* frames in the ring, and published so far */
bool ended, closed;
bool waiting[WORKERS], gate[WORKERS];
byte given[WORKERS];                 /* frame + 1; 0 for none */
byte over;                           /* processes that have come to their end */
short newest_had[2] = -1;

#define AT(stage, frame) (stage * FRAMES + frame)

#ifdef LIVE
#define IN_REACH(stage, frame) (frame > newest_had[stage])
#else
#define IN_REACH(stage, frame) true
#endif

#define READY(stage, frame) \
    (held[frame] && !claimed[AT(stage, frame)] && IN_REACH(stage, frame) && (stage == 0 || finished[AT(0, frame)]))

/* The frame that a stage is handed: the oldest, live the newest; FRAMES for none. */
inline choose(stage, found) {
    found = FRAMES;
    i = 0;
    do
    :: i < FRAMES ->
        if
#ifdef LIVE
        :: READY(stage, i) -> found = i
#else
        :: READY(stage, i) && found == FRAMES -> found = i
#endif
        :: else
        fi;
        i++
    :: else -> break
    od
}

inline claim(stage, frame) {
    assert(!claimed[AT(stage, frame)]);
    assert(stage == 0 || finished[AT(0, frame)]);
    claimed[AT(stage, frame)] = true;
    if
    :: frame > newest_had[stage] -> newest_had[stage] = frame
    :: else
    fi
}

/* Hand frames to workers of a stage that wait. */
inline tell(stage) {
    w = 2 * stage;
    do
    :: w < 2 * stage + 2 && w < WORKERS ->
        if
        :: waiting[w] ->
            choose(stage, f);
            if
            :: f < FRAMES -> claim(stage, f); given[w] = f + 1; waiting[w] = false; chosen[w] = true
            :: else
            fi
        :: else
        fi;
        w++
    :: else -> break
    od
}

/* Whether a stage will never be handed another frame: then who waits is told. */
#define WANTED(stage, frame) (held[frame] && !claimed[AT(stage, frame)] && IN_REACH(stage, frame) && \
    (stage == 0 || claimed[AT(0, frame)] || IN_REACH(0, frame)))
#define OVER(stage) (ended && !WANTED(stage, 0) && !WANTED(stage, 1) && !WANTED(stage, 2))

inline tell_the_end() {
    w = 0;
    do
    :: w < WORKERS ->
        if
        :: waiting[w] && OVER(STAGE(w)) -> waiting[w] = false; chosen[w] = true
        :: else
        fi;
        w++
    :: else -> break
    od
}

/* What no stage works on or will take leaves the ring. */
inline retire() {
    i = 0;
    do
    :: i < FRAMES ->
        if
        :: (held[i] && claimed[i] == finished[i] && claimed[FRAMES + i] == finished[FRAMES + i] &&
            !WANTED(0, i) && !WANTED(1, i)) -> held[i] = false; holding--
        :: else
        fi;
        i++
    :: else -> break
    od
}

/* After the lock: one worker after the other. */
inline wake() {
    w = 0;
    do
    :: w < WORKERS ->
        if
        :: chosen[w] -> gate[w] = true; chosen[w] = false
        :: else
        fi;
        w++
    :: else -> w = 0; break
    od
}

active proctype producer() {
    bool chosen[WORKERS];
    byte w, i, f;
    do
    :: next < FRAMES && !closed ->
#ifdef LIVE
        atomic { d_step {
            if
            :: !closed && holding >= CAPACITY ->   /* the oldest that nobody works on makes room */
                i = 0;
                do
                :: (i < FRAMES &&
                    !(held[i] && claimed[i] == finished[i] && claimed[FRAMES + i] == finished[FRAMES + i])) -> i++
                :: else -> break
                od;
                if
                :: i < FRAMES -> held[i] = false; holding--
                :: else
                fi
            :: else
            fi;
#else
        atomic {
            (closed || holding < CAPACITY) -> d_step {
#endif
            if
            :: closed
            :: else ->
                published[next] = true; held[next] = true; holding++; next++;
#ifndef LIVE
                assert(holding <= CAPACITY);
#endif
                tell(0)
            fi;
            i = 0; w = 0; f = 0
            }
        }
        wake()
    :: else -> break
    od;
    skip;
    d_step { ended = true; tell_the_end(); w = 0 }
    wake();
    over++
}

active [WORKERS] proctype worker() {
    bool chosen[WORKERS];
    byte me = _pid - 1, w, i, f, mine;
    do
    ::  d_step {
            choose(STAGE(me), f);
            if
            :: closed || (f == FRAMES && OVER(STAGE(me))) -> mine = DONE
            :: !closed && f < FRAMES -> claim(STAGE(me), f); mine = f + 1
            :: else -> waiting[me] = true; given[me] = 0; gate[me] = false; mine = 0
            fi;
            i = 0; f = 0
        }
        if
        :: mine == DONE -> break
        :: mine == 0 ->
            if
            :: gate[me]
#ifdef TIMEOUTS
            :: true
#endif
            fi;
            d_step {
                mine = given[me];
#ifdef FORGETS
                if
                :: !gate[me] -> mine = 0
                :: else
                fi;
#endif
                waiting[me] = false; given[me] = 0; gate[me] = false
            }
        :: else
        fi;
        if
        :: mine > 0 ->
            d_step {
                f = mine - 1;
                finished[AT(STAGE(me), f)] = true;
                if
                :: !closed ->
                    retire();
#ifndef SLEEPS
                    if
                    :: STAGE(me) == 0 -> tell(1)
                    :: else
                    fi;
#endif
                    tell_the_end()
                :: else
                fi;
                i = 0; w = 0; f = 0; mine = 0
            }
            wake()
        :: else
        fi
    od;
    over++
}

/* May close it at any time, or never. */
active proctype closer() {
    bool chosen[WORKERS];
    byte w;
    if
    :: true ->
        d_step {
            closed = true; ended = true;
            held[0] = false; held[1] = false; held[2] = false; holding = 0;
            tell_the_end(); w = 0
        }
        wake()
    :: true
    fi;
    over++
}

/* At the end. */
active proctype judge() {
    byte i;
    (over == WORKERS + 2) ->
    if
    :: closed
    :: else ->
        assert(next == FRAMES && holding == 0);
#ifdef LIVE
        assert(finished[FRAMES - 1] && finished[2 * FRAMES - 1]);
#else
        do
        :: i < 2 * FRAMES -> assert(finished[i]); i++
        :: else -> break
        od
#endif
    fi
}
