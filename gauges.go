package main

import (
	"context"
	"maps"
	"runtime"
	"slices"

	"example.com/api/internal/database"
	"example.com/api/internal/logwriter"
	"example.com/api/internal/ratelimit"
	"example.com/api/middleware"
)

// gauges are the metrics of the parts that are not middleware. docs/observability.md
// explains all metrics. Without Redis, redis is nil.
func gauges(version string, logs *logwriter.Writer, memory *ratelimit.Memory, redis *ratelimit.Redis, db *database.DB) []middleware.Gauge {
	all := []middleware.Gauge{
		{
			Name: "build_info", Help: "Always 1; the labels say which build runs.",
			Labels: map[string]string{"version": version, "go_version": runtime.Version()},
			Read:   func() float64 { return 1 },
		},
		{
			Name: "log_dropped_total", Help: "Log lines dropped because standard error blocked or failed.",
			Read: func() float64 { return float64(logs.Dropped()) },
		},
		{
			Name: "rate_limit_counters", Help: "Rate limit counters kept in this process, at most RATE_LIMIT_MAX_CLIENTS.",
			Read: func() float64 { return float64(memory.Len()) },
		},
		{
			Name: "database_up", Help: "1 if the database answers and takes writes, otherwise 0.",
			Read: func() float64 { return oneIf(db.Up(context.Background())) },
		},
	}
	if redis != nil {
		all = append(all,
			middleware.Gauge{
				Name: "rate_limit_redis_up", Help: "1 if Redis counts requests for all replicas, 0 if this process counts alone.",
				Read: func() float64 { return oneIf(redis.State() == "up") },
			},
			middleware.Gauge{
				Name: "rate_limit_redis_fallbacks_total", Help: "Requests counted in this process because Redis did not answer.",
				Read: func() float64 { return float64(redis.Fallbacks()) },
			})
	}
	for _, pool := range slices.Sorted(maps.Keys(db.Stats())) {
		all = append(all, poolGauges(db, pool)...)
	}
	return all
}

// poolGauges are the metrics of one of the database's pools.
func poolGauges(db *database.DB, pool string) []middleware.Gauge {
	const name, state = "db_client_connection_pool_name", "db_client_connection_state"
	labels := map[string]string{name: pool}
	return []middleware.Gauge{
		{
			Name: "db_client_connection_count", Help: "Connections to the database by state.", Labels: map[string]string{name: pool, state: "used"},
			Read: func() float64 { return float64(db.Stats()[pool].Used) },
		},
		{
			Name: "db_client_connection_count", Help: "Connections to the database by state.", Labels: map[string]string{name: pool, state: "idle"},
			Read: func() float64 { return float64(db.Stats()[pool].Idle) },
		},
		{
			Name: "db_client_connection_max", Help: "The largest number of connections to the database.", Labels: labels,
			Read: func() float64 { return float64(db.Stats()[pool].Max) },
		},
		{
			Name: "db_client_connection_pending_requests", Help: "Operations that wait for a connection to the database.", Labels: labels,
			Read: func() float64 { return float64(db.Stats()[pool].Waiting) },
		},
		{
			Name: "db_client_connection_timeouts_total", Help: "Operations that waited for a connection to the database and got none in time.", Labels: labels,
			Read: func() float64 { return float64(db.Stats()[pool].Timeouts) },
		},
	}
}

func oneIf(condition bool) float64 {
	if condition {
		return 1
	}
	return 0
}
