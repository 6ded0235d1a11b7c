/** Replaces a part of the page that the browser could not load, for example because a new build has renamed its file. */
export function NotLoaded() {
  return <p className="banner">This part of the page did not load. Reload the page.</p>
}
