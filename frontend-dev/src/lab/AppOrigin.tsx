import { lineWith } from '../settings'
import { Card, type CardProps } from './Card'

export function AppOrigin(card: CardProps) {
  return (
    <Card
      {...card}
      exchange={null}
      sample={lineWith('ALLOWED_ORIGINS', ['capacitor://localhost', 'tauri://localhost'])}
      why={
        <>
          A page in a native shell or a browser extension has another origin than your website:{' '}
          <code>capacitor://localhost</code>, <code>tauri://localhost</code> or <code>chrome-extension://ID</code>. List
          it exactly as the browser sends it; <code>cors_denied</code> in the API’s log shows it. Firefox gives each
          installation of an extension an id of its own, so only{' '}
          <code>ALLOWED_ORIGIN_REGEX=moz-extension://[0-9a-f-]+</code> matches them.
        </>
      }
    />
  )
}
