// SPDX-License-Identifier: Apache-2.0
// Runs its arguments as a program for which membarrier does not exist, as in an old kernel or a
// strict container: then the queues order themselves with read-modify-writes, and everything must
// still hold.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>

int main(int count, char** arguments) {
  if (count < 2) return std::fprintf(stderr, "usage: without_membarrier PROGRAM ARGUMENTS...\n"), 2;
  sock_filter refuse[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog program = {sizeof refuse / sizeof *refuse, refuse};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    std::puts("SKIPPED: this system refuses seccomp filters");
    return 77;
  }
  if (syscall(SYS_membarrier, 0, 0, 0) != -1 || errno != ENOSYS) return 3;
  execv(arguments[1], arguments + 1);
  std::perror(arguments[1]);
  return 4;
}
