package main

import (
	"context"
	"fmt"
	"log/slog"

	"example.com/api/config"
	"example.com/api/handlers"
	"example.com/api/internal/database"
	"example.com/api/internal/items"
)

// itemsResource is the sample resource.
func itemsResource() resource {
	return resource{migrations: items.Migrations(), routes: itemRoutes, seed: seedItems}
}

// itemRoutes returns the sample resource's rows for the table of routes.
func itemRoutes(s config.Settings, p parts) []route {
	limits := s.Limits
	item := handlers.NewItems(items.Store{DB: p.database})
	return []route{
		{method: "GET", path: "/api/items", limit: limits.Default, handler: item.List},
		{method: "POST", path: "/api/items", limit: limits.Default, handler: item.Create, maxBody: handlers.MaxJSON},
		{method: "GET", path: "/api/items/:id", limit: limits.Default, handler: item.Get},
		{method: "PUT", path: "/api/items/:id", limit: limits.Default, handler: item.Replace, maxBody: handlers.MaxJSON},
		{method: "PATCH", path: "/api/items/:id", limit: limits.Default, handler: item.Update, maxBody: handlers.MaxJSON},
		{method: "DELETE", path: "/api/items/:id", limit: limits.Default, handler: item.Delete},
		{method: "GET", path: "/api/search", limit: limits.Search, handler: item.Search},
	}
}

// seedItems adds a few example items if there are none, so that the first page
// has something to show.
func seedItems(ctx context.Context, db *database.DB, log *slog.Logger) error {
	store := items.Store{DB: db}
	page, err := store.List(ctx, "", 1)
	if err != nil {
		return fmt.Errorf("look for items: %w", err)
	}
	if len(page.Items) > 0 {
		log.Info("the database has items already; none were added")
		return nil
	}
	examples := []items.Draft{
		{Name: "Darjeeling", Note: "First flush, two minutes at 85 °C."},
		{Name: "Sencha", Note: "Cooler water: 70 °C, or it turns bitter."},
		{Name: "Ostfriesentee", Note: "With Kluntje and cream, not stirred."},
		{Name: "Ärger im Büro", Note: "Search for ärger or BÜRO: case does not matter."},
		{Name: "100 % Earl Grey", Note: "Searching for % finds this one only."},
	}
	for _, draft := range examples {
		if _, err := store.Create(ctx, draft); err != nil {
			return fmt.Errorf("add %q: %w", draft.Name, err)
		}
	}
	log.Info("items were added", "count", len(examples))
	return nil
}
