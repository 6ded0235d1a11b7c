package main

import (
	"net/http"
	"strconv"
	"time"

	"github.com/gin-contrib/cors"
	"github.com/gin-contrib/requestid"
	"github.com/gin-gonic/gin"
	"github.com/redis/go-redis/v9"
	"github.com/ulule/limiter/v3"
	limitgin "github.com/ulule/limiter/v3/drivers/middleware/gin"
	"github.com/ulule/limiter/v3/drivers/store/memory"
	limitredis "github.com/ulule/limiter/v3/drivers/store/redis"
)

func bareGin(o options) error {
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.GET("/api/hello", func(c *gin.Context) { c.JSON(http.StatusOK, gin.H{"message": message}) })
	return newServer(o.addr, engine).ListenAndServe()
}

// usualGin is what the tutorials add up to: gin.Default where there is an access
// log, gin-contrib/cors, gin-contrib/requestid, a middleware that sets headers,
// and ulule/limiter with its own middleware and stores.
func usualGin(o options) error {
	gin.SetMode(gin.ReleaseMode)
	var engine *gin.Engine
	if o.accessLog {
		engine = gin.Default()
	} else {
		engine = gin.New()
		engine.Use(gin.Recovery())
	}
	engine.Use(cors.New(cors.Config{
		AllowOrigins:     []string{allowedOrigin},
		AllowMethods:     allowedMethods(),
		AllowHeaders:     allowedHeaders(),
		ExposeHeaders:    exposedHeaders(),
		AllowCredentials: true,
		MaxAge:           maxAge * time.Second,
	}))
	security := securityHeaders()
	engine.Use(func(c *gin.Context) {
		for name, value := range security {
			c.Header(name, value)
		}
	})
	engine.Use(requestid.New())
	var store limiter.Store
	if o.redisAddr != "" {
		client := redis.NewClient(&redis.Options{Addr: o.redisAddr})
		var err error
		if store, err = limitredis.NewStoreWithOptions(client, limiter.StoreOptions{Prefix: "gin"}); err != nil {
			return err
		}
	} else {
		store = memory.NewStore()
	}
	engine.Use(limitgin.NewMiddleware(limiter.New(store, limiter.Rate{Period: period, Limit: limit})))
	engine.Use(func(c *gin.Context) { // the two headers of the IETF draft, which the library lacks
		remaining, _ := strconv.ParseInt(c.Writer.Header().Get("X-RateLimit-Remaining"), 10, 64)
		reset, _ := strconv.ParseInt(c.Writer.Header().Get("X-RateLimit-Reset"), 10, 64)
		c.Header("RateLimit-Policy", policyHeader)
		c.Header("RateLimit", rateHeader(remaining, reset-time.Now().Unix()))
	})
	engine.GET("/api/hello", func(c *gin.Context) { c.JSON(http.StatusOK, gin.H{"message": message}) })
	return newServer(o.addr, engine).ListenAndServe()
}
