// Package middleware has what every request passes through before its handler, one
// concern per file. useMiddleware in router.go has the order, with its reasons.
//
// A middleware is a function that takes its settings, prepares what is the same for
// every request, and returns a gin.HandlerFunc. SecurityHeaders and Metrics are
// types with a Handle method instead, because CORS uses them too: a request that
// CORS ends never reaches them.
package middleware
