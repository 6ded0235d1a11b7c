import { useState } from 'react'
import { CallButton } from '../CallButton'
import { useClient } from '../useClient'
import { Card, type CardProps } from './Card'

const MiB = 1024 * 1024

function zeros(mebibytes: number): File {
  return new File([new Uint8Array(mebibytes * MiB)], `${mebibytes}-MiB-of-zeros.bin`)
}

export function Upload(card: CardProps) {
  const { exchange, pending, busy, run } = useClient()
  const [file, setFile] = useState<File>()
  const [progress, setProgress] = useState(0)

  const send = (file: File) => {
    setProgress(0)
    void run((api) => api.upload(file, { onProgress: (sent, total) => setProgress(sent / total) }))
  }

  return (
    <Card
      {...card}
      exchange={exchange}
      pending={pending}
      why={
        <>
          A form could send this file, so the upload alone needs no preflight, but listening to its progress does. If a
          file is too large, the API reads the rest and discards it, so that every browser can read the 413.
        </>
      }
    >
      <div className="actions">
        <label className="file">
          File
          <input type="file" onChange={(event) => setFile(event.target.files?.[0])} />
        </label>
        <CallButton
          policy="upload"
          busy={busy}
          disabledReason={!file && 'Choose a file first'}
          onCall={() => send(file!)}
        >
          Upload it
        </CallButton>
      </div>
      <div className="actions">
        <CallButton policy="upload" busy={busy} onCall={() => send(zeros(2))}>
          Upload 2 MiB
        </CallButton>
        <CallButton policy="upload" busy={busy} onCall={() => send(zeros(11))}>
          Upload 11 MiB: too large
        </CallButton>
      </div>
      <label className="progress">
        <span>Sent {Math.round(progress * 100)}%</span>
        <progress value={progress} />
      </label>
    </Card>
  )
}
