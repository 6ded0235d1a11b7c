package processtest

import (
	"errors"
	"os/exec"
	"syscall"
	"time"
)

const (
	Pause  = syscall.Signal(19)
	Resume = syscall.Signal(18)
)

type User struct{ Uid, Gid uint32 }

func RunAs(*exec.Cmd, *User) {}

func Signal(int, syscall.Signal) {}

func CPU() (time.Duration, error) { return 0, errors.ErrUnsupported }
