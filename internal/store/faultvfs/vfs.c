//go:build faultvfs

#include "vfs.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* The part of SQLite's public interface that a VFS needs. The layout of these
   structures is stable by SQLite's own promise. */
typedef long long i64;
typedef struct sqlite3_file sqlite3_file;
typedef struct sqlite3_io_methods sqlite3_io_methods;
typedef struct sqlite3_vfs sqlite3_vfs;

struct sqlite3_file {
  const sqlite3_io_methods *pMethods;
};

struct sqlite3_io_methods {
  int iVersion;
  int (*xClose)(sqlite3_file *);
  int (*xRead)(sqlite3_file *, void *, int, i64);
  int (*xWrite)(sqlite3_file *, const void *, int, i64);
  int (*xTruncate)(sqlite3_file *, i64);
  int (*xSync)(sqlite3_file *, int);
  int (*xFileSize)(sqlite3_file *, i64 *);
  int (*xLock)(sqlite3_file *, int);
  int (*xUnlock)(sqlite3_file *, int);
  int (*xCheckReservedLock)(sqlite3_file *, int *);
  int (*xFileControl)(sqlite3_file *, int, void *);
  int (*xSectorSize)(sqlite3_file *);
  int (*xDeviceCharacteristics)(sqlite3_file *);
  int (*xShmMap)(sqlite3_file *, int, int, int, void volatile **);
  int (*xShmLock)(sqlite3_file *, int, int, int);
  void (*xShmBarrier)(sqlite3_file *);
  int (*xShmUnmap)(sqlite3_file *, int);
};

struct sqlite3_vfs {
  int iVersion;
  int szOsFile;
  int mxPathname;
  sqlite3_vfs *pNext;
  const char *zName;
  void *pAppData;
  int (*xOpen)(sqlite3_vfs *, const char *, sqlite3_file *, int, int *);
  int (*xDelete)(sqlite3_vfs *, const char *, int);
  int (*xAccess)(sqlite3_vfs *, const char *, int, int *);
  int (*xFullPathname)(sqlite3_vfs *, const char *, int, char *);
  void *(*xDlOpen)(sqlite3_vfs *, const char *);
  void (*xDlError)(sqlite3_vfs *, int, char *);
  void (*(*xDlSym)(sqlite3_vfs *, void *, const char *))(void);
  void (*xDlClose)(sqlite3_vfs *, void *);
  int (*xRandomness)(sqlite3_vfs *, int, char *);
  int (*xSleep)(sqlite3_vfs *, int);
  int (*xCurrentTime)(sqlite3_vfs *, double *);
  int (*xGetLastError)(sqlite3_vfs *, int, char *);
  int (*xCurrentTimeInt64)(sqlite3_vfs *, i64 *);
  int (*xSetSystemCall)(sqlite3_vfs *, const char *, void (*)(void));
  void (*(*xGetSystemCall)(sqlite3_vfs *, const char *))(void);
  const char *(*xNextSystemCall)(sqlite3_vfs *, const char *);
};

extern sqlite3_vfs *sqlite3_vfs_find(const char *);
extern int sqlite3_vfs_register(sqlite3_vfs *, int);
extern int sqlite3_initialize(void);

/* A wrapped file: ours first, the real one behind it. */
typedef struct {
  sqlite3_file base;
  sqlite3_file *real;
} fault_file;

static sqlite3_vfs *real_vfs;
static sqlite3_vfs fault_vfs;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
  int op, countdown, code, sticky, hits;
  int counts[3];
} state = {.op = -1};

void fault_arm(int op, int n, int code, int sticky) {
  pthread_mutex_lock(&lock);
  state.op = op;
  state.countdown = n;
  state.code = code;
  state.sticky = sticky;
  state.hits = 0;
  memset(state.counts, 0, sizeof state.counts);
  pthread_mutex_unlock(&lock);
}

int fault_hits(void) {
  pthread_mutex_lock(&lock);
  int n = state.hits;
  pthread_mutex_unlock(&lock);
  return n;
}

int fault_count(int op) {
  pthread_mutex_lock(&lock);
  int n = state.counts[op];
  pthread_mutex_unlock(&lock);
  return n;
}

/* due counts one operation and returns the error that it has to fail with. A
   sticky fault goes on to fail every write, sync and truncate. */
static int due(int op) {
  int code = 0;
  pthread_mutex_lock(&lock);
  state.counts[op]++;
  if (state.hits > 0 && state.sticky) {
    state.hits++;
    code = state.code;
  } else if (state.op == op && state.countdown > 0 && --state.countdown == 0) {
    state.hits++;
    code = state.code;
  }
  pthread_mutex_unlock(&lock);
  return code;
}

#define REAL(f) (((fault_file *)(f))->real)

static int f_close(sqlite3_file *f) {
  int rc = REAL(f)->pMethods->xClose(REAL(f));
  free(REAL(f));
  return rc;
}
static int f_read(sqlite3_file *f, void *p, int n, i64 at) { return REAL(f)->pMethods->xRead(REAL(f), p, n, at); }
static int f_write(sqlite3_file *f, const void *p, int n, i64 at) {
  int code = due(0);
  if (code) {
    /* a torn write: the first half arrives */
    if (n > 1) REAL(f)->pMethods->xWrite(REAL(f), p, n / 2, at);
    return code;
  }
  return REAL(f)->pMethods->xWrite(REAL(f), p, n, at);
}
static int f_truncate(sqlite3_file *f, i64 n) {
  int code = due(2);
  return code ? code : REAL(f)->pMethods->xTruncate(REAL(f), n);
}
static int f_sync(sqlite3_file *f, int flags) {
  int code = due(1);
  return code ? code : REAL(f)->pMethods->xSync(REAL(f), flags);
}
static int f_size(sqlite3_file *f, i64 *n) { return REAL(f)->pMethods->xFileSize(REAL(f), n); }
static int f_lock(sqlite3_file *f, int l) { return REAL(f)->pMethods->xLock(REAL(f), l); }
static int f_unlock(sqlite3_file *f, int l) { return REAL(f)->pMethods->xUnlock(REAL(f), l); }
static int f_reserved(sqlite3_file *f, int *r) { return REAL(f)->pMethods->xCheckReservedLock(REAL(f), r); }
static int f_control(sqlite3_file *f, int op, void *arg) { return REAL(f)->pMethods->xFileControl(REAL(f), op, arg); }
static int f_sector(sqlite3_file *f) { return REAL(f)->pMethods->xSectorSize(REAL(f)); }
static int f_device(sqlite3_file *f) { return REAL(f)->pMethods->xDeviceCharacteristics(REAL(f)); }
static int f_shm_map(sqlite3_file *f, int a, int b, int c, void volatile **p) {
  return REAL(f)->pMethods->xShmMap(REAL(f), a, b, c, p);
}
static int f_shm_lock(sqlite3_file *f, int a, int b, int c) { return REAL(f)->pMethods->xShmLock(REAL(f), a, b, c); }
static void f_shm_barrier(sqlite3_file *f) { REAL(f)->pMethods->xShmBarrier(REAL(f)); }
static int f_shm_unmap(sqlite3_file *f, int del) { return REAL(f)->pMethods->xShmUnmap(REAL(f), del); }

static const sqlite3_io_methods methods = {
    2,       f_close,    f_read,    f_write,  f_truncate, f_sync,     f_size,        f_lock,     f_unlock,
    f_reserved, f_control, f_sector, f_device, f_shm_map,  f_shm_lock, f_shm_barrier, f_shm_unmap,
};

static int v_open(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags, int *out) {
  fault_file *ff = (fault_file *)f;
  (void)v;
  ff->base.pMethods = 0;
  ff->real = calloc(1, real_vfs->szOsFile);
  if (!ff->real) return 7; /* SQLITE_NOMEM */
  int rc = real_vfs->xOpen(real_vfs, name, ff->real, flags, out);
  if (rc != 0) {
    if (ff->real->pMethods) ff->real->pMethods->xClose(ff->real);
    free(ff->real);
    return rc;
  }
  ff->base.pMethods = &methods;
  return 0;
}
static int v_delete(sqlite3_vfs *v, const char *n, int s) { (void)v; return real_vfs->xDelete(real_vfs, n, s); }
static int v_access(sqlite3_vfs *v, const char *n, int a, int *o) { (void)v; return real_vfs->xAccess(real_vfs, n, a, o); }
static int v_full(sqlite3_vfs *v, const char *n, int l, char *o) { (void)v; return real_vfs->xFullPathname(real_vfs, n, l, o); }

int fault_register(void) {
  if (sqlite3_initialize() != 0) return 1;
  if (real_vfs) return 0;
  real_vfs = sqlite3_vfs_find(0);
  if (!real_vfs) return 1;
  fault_vfs = *real_vfs;
  fault_vfs.pNext = 0;
  fault_vfs.zName = "fault";
  fault_vfs.szOsFile = sizeof(fault_file);
  fault_vfs.xOpen = v_open;
  fault_vfs.xDelete = v_delete;
  fault_vfs.xAccess = v_access;
  fault_vfs.xFullPathname = v_full;
  return sqlite3_vfs_register(&fault_vfs, 1);
}
