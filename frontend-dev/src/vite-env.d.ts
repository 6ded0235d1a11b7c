interface ImportMetaEnv {
  /** The API's address; empty: the page's own origin. Not set: API_PORT of the page's host. */
  readonly VITE_API_URL?: string
  readonly VITE_PAGE_PORT: string
  readonly VITE_BLOCKED_PORT: string
  readonly VITE_API_PORT: string
}
