// biome-ignore lint/suspicious/noRedundantUseStrict: the page loads it as a script, not as a module
'use strict'

// Swagger UI is dark if the root element has this class.
const dark = matchMedia('(prefers-color-scheme: dark)')
const paint = () => document.documentElement.classList.toggle('dark-mode', dark.matches)
dark.addEventListener('change', paint)
paint()

const nothing = () => () => null

// The description's introduction explains these headers once. Swagger UI would
// repeat their table below every status of every operation.
const everywhere = /^(x-request-id|x-ratelimit-.*|ratelimit(-policy)?)$/i
const ownHeaders =
  (Headers, { React }) =>
  (props) =>
    React.createElement(Headers, { ...props, headers: props.headers?.filterNot((_, name) => everywhere.test(name)) })

SwaggerUIBundle({
  url: 'openapi.yaml',
  dom_id: '#docs',
  deepLinking: true,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  validatorUrl: null, // the badge would come from another host
  // A form for the session cookie could not work, because scripts cannot set
  // it. POST /api/session sets it, and the browser then sends it by itself.
  plugins: [{ wrapComponents: { authorizeBtn: nothing, authorizeOperationBtn: nothing, headers: ownHeaders } }],
})
