import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './App'
import { apiBaseError } from './page'
import './styles.css'

createRoot(document.getElementById('root')!).render(
  <StrictMode>{apiBaseError ? <AddressError message={apiBaseError} /> : <App />}</StrictMode>,
)

function AddressError({ message }: { message: string }) {
  return (
    <main>
      <p className="banner" role="alert">
        {message} (<code>VITE_API_URL</code>)
      </p>
    </main>
  )
}
