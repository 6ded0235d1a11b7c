import { Search } from './Search'
import { WriteItem } from './WriteItem'

/** The cards of the lab that call the items' routes. */
export const itemCards = [
  {
    id: 'write-item',
    title: 'Every method on one resource',
    Content: WriteItem,
    source: 'items/WriteItem.tsx',
    refused: false,
  },
  { id: 'search', title: 'Search as you type', Content: Search, source: 'items/Search.tsx', refused: false },
]
