import { cards } from './cards'

export function Lab() {
  const show = (refused: boolean) =>
    cards
      .filter((card) => card.refused === refused)
      .map(({ id, title, source, Content }) => <Content key={id} id={id} title={title} source={source} />)
  return (
    <>
      <h2 id="lab">What works</h2>
      {show(false)}
      <h2>What the browser blocks</h2>
      {show(true)}
    </>
  )
}
