/* A stand-in for CUDA's runtime, of plain memory. Device addresses have a bit that makes them useless on the host, what
 * is copied back arrives with the synchronisation, and wrong kinds of addresses are refused: mistakes that would be
 * mistakes on a GPU are mistakes here. */
#include <stdlib.h>
#include <string.h>

#define DEVICE (1UL << 62)
#define INVALID 1

struct arrival { void *to, *bytes; size_t size; struct arrival *next; };
struct stream { struct arrival *first, **last; };

static int live;
int fake_live(void) { return __atomic_load_n(&live, __ATOMIC_SEQ_CST); }
static void *made(size_t size) { __atomic_add_fetch(&live, 1, __ATOMIC_SEQ_CST); return malloc(size); }
static int gone(void *memory) { __atomic_sub_fetch(&live, 1, __ATOMIC_SEQ_CST); free(memory); return 0; }

const char *cudaGetErrorString(int code)
{
    return code == 100 ? "no CUDA-capable device is detected" : code == 2 ? "out of memory" : "invalid argument";
}

int cudaGetDeviceCount(int *count)
{
    const char *given = getenv("FAKE_CUDA_GPUS");
    *count = given ? atoi(given) : 1;
    return *count ? 0 : 100;
}

int cudaDeviceGetAttribute(int *value, int attribute, int device)
{
    const char *given = getenv("FAKE_CUDA_COMPUTE");
    given = given ? given : "8.7";
    if (device) return INVALID;
    if (attribute == 75) *value = atoi(given);
    else if (attribute == 76) *value = atoi(strchr(given, '.') + 1);
    else if (attribute == 16) *value = 8;
    else return INVALID;
    return 0;
}

int cudaGetDeviceProperties(char *properties, int device)
{
    const char *given = getenv("FAKE_CUDA_NAME");
    memset(properties, 0x5a, 1032); /* sizeof(cudaDeviceProp) of CUDA 12 */
    strcpy(properties, given ? given : "Orin");
    return device;
}

int cudaMalloc(void **memory, size_t size)
{
    if (getenv("FAKE_CUDA_FULL")) return 2;
    *memory = (void *)((size_t)made(size) | DEVICE);
    return 0;
}
int cudaFree(void *memory) { return (size_t)memory & DEVICE ? gone((void *)((size_t)memory & ~DEVICE)) : INVALID; }
int cudaHostAlloc(void **memory, size_t size, unsigned flags) { *memory = made(size); return flags; }
int cudaFreeHost(void *memory) { return (size_t)memory & DEVICE ? INVALID : gone(memory); }

int cudaStreamCreateWithFlags(void **stream, unsigned flags)
{
    struct stream *new = made(sizeof *new);
    new->first = 0;
    new->last = &new->first;
    *stream = new;
    return flags == 1 ? 0 : INVALID;
}
int cudaStreamDestroy(void *stream) { return gone(stream); }

int cudaStreamSynchronize(struct stream *stream)
{
    while (stream->first) {
        struct arrival *one = stream->first;
        memcpy(one->to, one->bytes, one->size);
        stream->first = one->next;
        free(one->bytes);
        free(one);
    }
    stream->last = &stream->first;
    return 0;
}

int cudaMemcpyAsync(void *to, void *of, size_t size, int kind, struct stream *stream)
{
    size_t target = (size_t)to, source = (size_t)of;
    if (kind == 1 && target & DEVICE && !(source & DEVICE)) {
        memcpy((void *)(target & ~DEVICE), of, size);
    } else if (kind == 2 && source & DEVICE && !(target & DEVICE)) {
        struct arrival *one = malloc(sizeof *one);
        one->to = to; one->bytes = malloc(size); one->size = size; one->next = 0;
        memcpy(one->bytes, (void *)(source & ~DEVICE), size);
        *stream->last = one;
        stream->last = &one->next;
    } else return INVALID;
    return 0;
}
