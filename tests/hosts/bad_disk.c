/* A disk that takes its time, and one that does not answer, for a program that is started with it:
 *
 *     cc -shared -fPIC -o bad_disk.so bad_disk.c      LD_PRELOAD=bad_disk.so farsend engine ...
 *
 * A file whose name ends in ".part" takes 100 KB a second. A folder called "hung" is not read, and nothing in it
 * is told of, before there is a file "let-go" beside it; a file "asked" beside it tells that somebody waits.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int ends_in(const char *name, size_t length, const char *end)
{
	size_t shorter = strlen(end);
	return length >= shorter && memcmp(name + length - shorter, end, shorter) == 0;
}

static void take_time(int file, size_t count)
{
	char link[64], name[4096];
	snprintf(link, sizeof link, "/proc/self/fd/%d", file);
	ssize_t length = readlink(link, name, sizeof name);
	if (length > 0 && ends_in(name, (size_t)length, ".part"))
		usleep(count * 10);
}

ssize_t write(int file, const void *bytes, size_t count)
{
	ssize_t (*next)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
	take_time(file, count);
	return next(file, bytes, count);
}

static void wait_for(const char *name)
{
	const char *hung = name ? strstr(name, "/hung") : NULL;
	if (!hung || (hung[5] != '/' && hung[5] != '\0'))
		return;
	char beside[4096];
	snprintf(beside, sizeof beside, "%.*s/asked", (int)(hung - name), name);
	close(open(beside, O_CREAT | O_WRONLY, 0600));
	snprintf(beside, sizeof beside, "%.*s/let-go", (int)(hung - name), name);
	while (access(beside, F_OK) != 0)
		usleep(1000);
}

DIR *opendir(const char *name)
{
	DIR *(*next)(const char *) = dlsym(RTLD_NEXT, "opendir");
	wait_for(name);
	return next(name);
}

int statx(int folder, const char *name, int flags, unsigned mask, struct statx *about)
{
	int (*next)(int, const char *, int, unsigned, struct statx *) = dlsym(RTLD_NEXT, "statx");
	wait_for(name);
	return next(folder, name, flags, mask, about);
}
