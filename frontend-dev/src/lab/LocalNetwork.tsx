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
          permission, and in Chromium also https. The console mentions CORS and an “address space”, but no header of the
          API can allow the call. Allow it when the browser asks or in the site settings, or serve the page from{' '}
          <code>localhost</code> too. This page comes from your machine, so it needs no permission.{' '}
          <a href="https://wicg.github.io/local-network-access/">The specification</a>
        </>
      }
    />
  )
}
