// Package processtest lets tests find PostgreSQL, pause the processes that they
// start, and run them as another user. Windows can do neither of the last two, so
// there it only compiles.
package processtest

import (
	"errors"
	"os"
	"os/user"
	"strconv"
)

// Unprivileged returns a user other than root, to run a program as. It returns nil
// if this process does not run as root.
func Unprivileged() (*User, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		account, err = user.Lookup("nobody")
	}
	if err != nil {
		return nil, err
	}
	uid, err1 := strconv.ParseUint(account.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(account.Gid, 10, 32)
	return &User{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(err1, err2)
}
