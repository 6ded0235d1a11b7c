// Package middleware holds what every request passes before its handler, one
// concern per file. useMiddleware in router.go gives the order and the reason
// for it.
//
// A middleware is a function that takes its settings, does once what can be
// done once, and returns a gin.HandlerFunc. SecurityHeaders and Metrics are
// types with a Handle method instead, because CORS uses them too: its
// responses end the request before their own turn comes.
package middleware
