import { Card, type CardProps } from './Card'

export function LocalNetwork(card: CardProps) {
  return (
    <Card
      {...card}
      exchange={null}
      sample={`const { state } = await navigator.permissions.query({ name: 'loopback-network' })`}
      why={
        <>
          A page from the internet that calls <code>localhost</code> or an address of your network needs the user’s
          permission, and in Chromium also https. The console speaks of CORS and an “address space”, but no header of
          the API can allow it: allow it when the browser asks, or in the site settings, or serve the page from{' '}
          <code>localhost</code> as well. This page comes from your machine, so it needs none.{' '}
          <a href="https://wicg.github.io/local-network-access/">The specification</a>
        </>
      }
    />
  )
}
