/** The API's settings of CORS where nobody has set them, as ../../.env.example has them, and whole lines for .env. */
export const defaults = {
  ALLOWED_ORIGINS: 'http://localhost:5173,http://127.0.0.1:5173,http://localhost:3000',
  CORS_ALLOWED_METHODS: 'GET,HEAD,POST,PUT,PATCH,DELETE',
  CORS_ALLOWED_HEADERS: 'Authorization,Content-Type,If-Match,X-Request-ID',
  CORS_ALLOW_CREDENTIALS: 'true',
}

export type Setting = keyof typeof defaults

/** A whole line for .env that adds values to a list. */
export function lineWith(setting: Setting, values: string[], current: string = defaults[setting]): string {
  const list = current.split(',').map((value) => value.trim())
  // Only header names may be written in either case.
  const key = (value: string) => (setting === 'CORS_ALLOWED_HEADERS' ? value.toLowerCase() : value)
  const keys = list.map(key)
  const missing = values.filter((value) => !keys.includes(key(value)))
  return `${setting}=${[...list.filter(Boolean), ...missing].join(',')}`
}
