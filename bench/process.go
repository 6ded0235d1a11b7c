package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// processText returns a table of what the process itself takes. The numbers are
// medians of the rounds.
func processText(work string, rounds int) (string, error) {
	var starts, resident []float64
	for range rounds {
		begun := time.Now()
		s, err := start(work, ours("this server"))
		if err != nil {
			return "", err
		}
		starts = append(starts, float64(time.Since(begun).Microseconds())/1000)
		time.Sleep(time.Second) // until it is idle
		kilobytes, err := status(s.cmd.Process.Pid, "VmRSS")
		s.stop()
		if err != nil {
			return "", err
		}
		resident = append(resident, float64(kilobytes)*1024/1e6)
	}
	binary, err := os.Stat(filepath.Join(work, "api"))
	if err != nil {
		return "", err
	}
	return fmt.Sprintf(`
**the process**

| what | |
| --- | --: |
| from start to listening, with an empty SQLite database | %.0f ms |
| resident when idle | %.1f MB |
| binary | %.1f MB |
`, median(starts), median(resident), float64(binary.Size())/1e6), nil
}

// status reads a field of /proc/PID/status, in kilobytes.
func status(pid int, field string) (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, found := strings.Cut(string(text), field+":")
	if !found {
		return 0, fmt.Errorf("/proc/%d/status has no %s", pid, field)
	}
	return strconv.Atoi(strings.Fields(rest)[0])
}
