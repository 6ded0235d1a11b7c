package handlers

import (
	"context"
	"errors"

	"github.com/gin-gonic/gin"

	"example.com/api/internal/database"
	"example.com/api/internal/problem"
)

// statusClientGone is nginx's code for a client that disconnected before the
// response. Only the log shows it: nobody reads the response, and nothing failed.
const statusClientGone = 499

// failDatabase turns an error of database.DB into a problem.
func failDatabase(c *gin.Context, err error) {
	switch {
	case errors.Is(err, context.Canceled):
		c.AbortWithStatus(statusClientGone)
	case errors.Is(err, database.ErrOutcomeUnknown): // before ErrUnavailable, which it also is
		p := problem.Unavailable(err)
		p.Detail = "The database did not confirm the change. It may have been saved; read before you repeat the request."
		problem.Abort(c, p)
	case errors.Is(err, database.ErrUnavailable):
		problem.Abort(c, problem.Unavailable(err))
	default:
		problem.Abort(c, problem.Internal(err))
	}
}
