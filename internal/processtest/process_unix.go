//go:build unix

package processtest

import (
	"os/exec"
	"syscall"
	"time"
)

// A process that gets Pause does nothing until it gets Resume, like a machine that
// hangs for a while.
const (
	Pause  = syscall.SIGSTOP
	Resume = syscall.SIGCONT
)

// User is a user to run a program as.
type User = syscall.Credential

// RunAs makes a command run as a user, or as this process if the user is nil.
func RunAs(cmd *exec.Cmd, u *User) { cmd.SysProcAttr = &syscall.SysProcAttr{Credential: u} }

// Signal sends a signal to a process, unless it is gone.
func Signal(pid int, signal syscall.Signal) { _ = syscall.Kill(pid, signal) }

// CPU returns the CPU time of this process.
func CPU() (time.Duration, error) {
	var usage syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), err
}
