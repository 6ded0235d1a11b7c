package database

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// A database that answers pings may take any time to migrate. One that has
// stopped answering may not.
func TestMigrationsEndWithSilence(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		answers func(after time.Duration) bool
		ends    time.Duration
	}{
		{"never answers", func(time.Duration) bool { return false }, silence},
		{"answers for an hour", func(after time.Duration) bool { return after <= time.Hour }, time.Hour + silence},
		{"misses single pings", func(after time.Duration) bool { return after/time.Second%5 == 0 }, 2 * time.Hour},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				started := time.Now()
				db := &DB{rules: rules{ping: func(context.Context, *sql.DB) error {
					if tt.answers(time.Since(started)) {
						return nil
					}
					return errors.New("no answer")
				}}}
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
				defer cancel()
				db.cancelWhenSilent(ctx, cancel)
				if took := time.Since(started); took < tt.ends || took > tt.ends+time.Second {
					t.Errorf("the migration was ended after %s, want %s", took, tt.ends)
				}
			})
		})
	}
}
