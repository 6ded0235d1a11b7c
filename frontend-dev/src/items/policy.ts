/** The rate limit that the search has for itself. */
export const searchPolicy = { policy: 'search', covers: 'GET /api/search' } as const
