import { cards } from './cards'

export function Lab() {
  const show = (refused: boolean | undefined) =>
    cards
      .filter((card) => card.refused === refused)
      .map(({ id, title, source, Content }) => <Content key={id} id={id} title={title} source={source} />)

  return (
    <>
      {import.meta.env.DEV && (
        <>
          <h2>Your API</h2>
          {show(undefined)}
        </>
      )}
      <h2 id="lab">What works</h2>
      {show(false)}
      <h2>What the browser blocks</h2>
      {show(true)}
    </>
  )
}

/** Links to the cards. */
export function Contents() {
  return (
    <ol>
      {cards.map(({ id, title, refused }) => (
        <li key={id} data-refused={refused}>
          <a href={`#${id}`}>{title}</a>
        </li>
      ))}
    </ol>
  )
}
