import { useState } from 'react'
import { Run } from '../Run'
import { useClient } from '../useClient'
import { Card } from './Card'

const MiB = 1024 * 1024

function zeros(mebibytes: number): File {
  return new File([new Uint8Array(mebibytes * MiB)], `${mebibytes}-MiB-of-zeros.bin`)
}

export function Upload() {
  const { exchange, busy, run } = useClient()
  const [file, setFile] = useState<File>()
  const [progress, setProgress] = useState(0)

  const send = (file: File) => {
    setProgress(0)
    void run((api) => api.upload(file, { onProgress: (sent, total) => setProgress(sent / total) }))
  }

  return (
    <Card
      id="upload"
      exchange={exchange}
      busy={busy}
      why={
        <>
          A form could send this file, so by itself it needs no preflight, but listening to its progress does; a file
          that is too large is read to the end and thrown away, so that every browser can read the 413.
        </>
      }
    >
      <div className="actions">
        <label className="file">
          File
          <input type="file" onChange={(event) => setFile(event.target.files?.[0])} />
        </label>
        <Run policy="upload" busy={busy} unless={!file && 'Choose a file first'} onRun={() => send(file!)}>
          Upload it
        </Run>
      </div>
      <div className="actions">
        <Run policy="upload" busy={busy} onRun={() => send(zeros(2))}>
          Upload 2 MiB
        </Run>
        <Run policy="upload" busy={busy} onRun={() => send(zeros(11))}>
          Upload 11 MiB: too large
        </Run>
      </div>
      <label className="progress">
        <span>Sent {Math.round(progress * 100)}%</span>
        <progress value={progress} />
      </label>
    </Card>
  )
}
