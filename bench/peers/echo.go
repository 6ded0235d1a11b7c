package main

import (
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"golang.org/x/time/rate"
)

// usualEcho has echo's own middleware. Its limiter cannot tell what is left, so
// the numbers in its rate limit headers are constants.
func usualEcho(o options) error {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	if o.accessLog {
		e.Use(middleware.Logger())
	}
	e.Use(middleware.Recover())
	e.Use(middleware.CORSWithConfig(middleware.CORSConfig{
		AllowOrigins:     []string{allowedOrigin},
		AllowMethods:     allowedMethods(),
		AllowHeaders:     allowedHeaders(),
		ExposeHeaders:    exposedHeaders(),
		AllowCredentials: true,
		MaxAge:           maxAge,
	}))
	security := securityHeaders()
	e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			for name, value := range security {
				c.Response().Header().Set(name, value)
			}
			return next(c)
		}
	})
	e.Use(middleware.RequestID())
	e.Use(middleware.RateLimiter(middleware.NewRateLimiterMemoryStore(rate.Limit(1e9))))
	e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			h := c.Response().Header()
			h.Set("X-RateLimit-Limit", strconv.Itoa(limit))
			h.Set("X-RateLimit-Remaining", strconv.Itoa(limit-1))
			h.Set("X-RateLimit-Reset", strconv.FormatInt(time.Now().Add(period).Unix(), 10))
			h.Set("RateLimit-Policy", policyHeader)
			h.Set("RateLimit", rateHeader(limit-1, 86400))
			return next(c)
		}
	})
	e.GET("/api/hello", func(c echo.Context) error { return c.JSON(http.StatusOK, hello{message}) })
	return e.StartServer(newServer(o.addr, nil))
}
