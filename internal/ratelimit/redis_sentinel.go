package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// sentinelInterval is the time between two questions to Sentinel. A primary that was
// healthy at the failover accepts writes for about 10 seconds after it, so its
// connection does not show that another one has taken over.
const sentinelInterval = 500 * time.Millisecond

var (
	errFailover    = errors.New("Sentinel names another primary") //nolint:staticcheck // a name
	errNoAddress   = errors.New("replied with something other than a host and a port")
	errNotSentinel = errors.New("is not a Sentinel; the port of Sentinels is usually 26379")
)

// primary returns the address of the primary that the Sentinels in
// option.InitAddress monitor under the name in option.Sentinel. It asks them
// one by one and moves the one that replies to the front of the slice, so that a
// Sentinel that does not respond delays only the first call.
//
// The client's own support for Sentinel is not used: it would connect to
// Sentinels and servers again on its own, outside the limits of this package.
func primary(ctx context.Context, option rueidis.ClientOption) (string, error) {
	var errs []error
	for i, sentinel := range option.InitAddress {
		address, err := askSentinel(ctx, sentinel, option)
		if err == nil {
			option.InitAddress[0], option.InitAddress[i] = sentinel, option.InitAddress[0]
			return address, nil
		}
		errs = append(errs, fmt.Errorf("the Sentinel at %s %w", sentinel, err))
	}
	return "", errors.Join(errs...)
}

// askSentinel asks one Sentinel, for at most connectTimeout. It sends the
// password, which is that of Redis, only to a Sentinel that requires one.
func askSentinel(ctx context.Context, sentinel string, option rueidis.ClientOption) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	name := option.Sentinel.MasterSet
	option.InitAddress = []string{sentinel}
	option.Sentinel = rueidis.SentinelOption{}
	option.SelectDB = 0
	anonymous := option
	anonymous.Username, anonymous.Password = "", ""
	reply, err := primaryByName(ctx, anonymous, name)
	if hasPrefix(err, "NOAUTH") {
		reply, err = primaryByName(ctx, option, name)
	}
	switch {
	case rueidis.IsRedisNil(err):
		return "", fmt.Errorf("does not monitor a primary named %q", name)
	case hasPrefix(err, "unknown command"):
		return "", errNotSentinel
	case err != nil:
		return "", fmt.Errorf("cannot be asked: %w", err)
	case len(reply) != 2:
		return "", errNoAddress
	}
	address := net.JoinHostPort(reply[0], reply[1])
	if !isNode(address) {
		return "", errNoAddress
	}
	return address, nil
}

func primaryByName(ctx context.Context, option rueidis.ClientOption, name string) ([]string, error) {
	c, err := open(ctx, option)
	if err != nil {
		return nil, err
	}
	defer c.close()
	return c.client.Do(ctx, c.client.B().SentinelGetMasterAddrByName().Master(name).Build()).AsStrSlice()
}

// hasPrefix reports whether err is a reply that begins with prefix.
func hasPrefix(err error, prefix string) bool {
	reply, ok := rueidis.IsRedisErr(err)
	return ok && strings.HasPrefix(reply.Error(), prefix)
}
