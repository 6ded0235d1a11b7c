package main

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/go-chi/httprate"
	"github.com/rs/cors"
)

// usualChi has rs/cors, chi's own middleware, and httprate.
func usualChi(o options) error {
	router := chi.NewRouter()
	if o.accessLog {
		router.Use(middleware.Logger)
	}
	router.Use(middleware.Recoverer)
	router.Use(cors.New(cors.Options{
		AllowedOrigins:   []string{allowedOrigin},
		AllowedMethods:   allowedMethods(),
		AllowedHeaders:   allowedHeaders(),
		ExposedHeaders:   exposedHeaders(),
		AllowCredentials: true,
		MaxAge:           maxAge,
	}).Handler)
	security := securityHeaders()
	router.Use(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for name, value := range security {
				w.Header().Set(name, value)
			}
			next.ServeHTTP(w, r)
		})
	})
	router.Use(middleware.RequestID, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Request-ID", middleware.GetReqID(r.Context()))
			next.ServeHTTP(w, r)
		})
	})
	router.Use(httprate.Limit(limit, period, httprate.WithKeyFuncs(httprate.KeyByIP)))
	router.Use(func(next http.Handler) http.Handler { // the two headers of the IETF draft, which the library lacks
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			remaining, _ := strconv.ParseInt(w.Header().Get("X-RateLimit-Remaining"), 10, 64)
			reset, _ := strconv.ParseInt(w.Header().Get("X-RateLimit-Reset"), 10, 64)
			w.Header().Set("RateLimit-Policy", policyHeader)
			w.Header().Set("RateLimit", rateHeader(remaining, reset-time.Now().Unix()))
			next.ServeHTTP(w, r)
		})
	})
	router.Get("/api/hello", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_ = json.NewEncoder(w).Encode(hello{message})
	})
	return newServer(o.addr, router).ListenAndServe()
}
