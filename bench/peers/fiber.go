package main

import (
	"strconv"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/cors"
	"github.com/gofiber/fiber/v3/middleware/limiter"
	"github.com/gofiber/fiber/v3/middleware/logger"
	"github.com/gofiber/fiber/v3/middleware/recover"
	"github.com/gofiber/fiber/v3/middleware/requestid"
	"github.com/gofiber/storage/redis/v3"
)

// usualFiber has fiber's own middleware. It is not built on net/http.
func usualFiber(o options) error {
	app := fiber.New(fiber.Config{ReadTimeout: 15 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 120 * time.Second})
	if o.accessLog {
		app.Use(logger.New())
	}
	app.Use(recover.New())
	app.Use(cors.New(cors.Config{
		AllowOrigins:     []string{allowedOrigin},
		AllowMethods:     allowedMethods(),
		AllowHeaders:     allowedHeaders(),
		ExposeHeaders:    exposedHeaders(),
		AllowCredentials: true,
		MaxAge:           maxAge,
	}))
	security := securityHeaders()
	app.Use(func(c fiber.Ctx) error {
		for name, value := range security {
			c.Set(name, value)
		}
		return c.Next()
	})
	app.Use(requestid.New())
	app.Use(func(c fiber.Ctx) error { // the two headers of the IETF draft, which the library lacks
		if err := c.Next(); err != nil {
			return err
		}
		remaining, _ := strconv.ParseInt(c.GetRespHeader("X-RateLimit-Remaining"), 10, 64)
		c.Set("RateLimit-Policy", policyHeader)
		c.Set("RateLimit", rateHeader(remaining, 86400))
		return nil
	})
	limits := limiter.Config{Max: limit, Expiration: period}
	if o.redisAddr != "" {
		limits.Storage = redis.New(redis.Config{Addrs: []string{o.redisAddr}})
	}
	app.Use(limiter.New(limits))
	app.Get("/api/hello", func(c fiber.Ctx) error { return c.JSON(hello{message}) })
	return app.Listen(o.addr, fiber.ListenConfig{DisableStartupMessage: true})
}
