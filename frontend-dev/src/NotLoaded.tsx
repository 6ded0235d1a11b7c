/** In the place of a part of the page that a browser could not load. After a new build, its file has another name. */
export function NotLoaded() {
  return <p className="banner">This part of the page did not load. Reload the page.</p>
}
