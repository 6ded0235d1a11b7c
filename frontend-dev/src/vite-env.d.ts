interface ImportMetaEnv {
  /** The API's address; empty means the page's own origin. If not set, the page's host and API_PORT. */
  readonly VITE_API_URL?: string
  readonly VITE_PAGE_PORT: string
  readonly VITE_BLOCKED_PORT: string
  readonly VITE_API_PORT: string
  /** Where the development server says what the browser hides; not set if it does not. */
  readonly VITE_EXCHANGE?: string
}
