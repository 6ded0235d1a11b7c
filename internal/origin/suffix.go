package origin

//go:generate go run suffix_parents_gen.go

import (
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// sharedHosts are domains below which strangers have names, at any depth,
// although the public suffix list lacks them or has only some of the depths.
// The list need not be complete: it spares those who write a wildcard for the
// host that they happen to work on.
var sharedHosts = strings.Fields(`
	amazonaws.com amazonaws.com.cn amazoncognito.com amazonwebservices.com.cn amazonwebservices.eu on.aws
	crm.dev sagemaker.aws sagemaker.com.cn scw.cloud usgovcloudapi.net windows.net

	cloudshell.dev cloudworkstations.dev coder.app codesandbox.io daytona.app daytona.work e2b.dev github.dev
	gitpod.dev gitpod.io

	bore.pub devtunnels.ms exp.direct gradio.live instatunnel.my lhr.life lhr.rocks loca.lt localcan.dev
	localhost.run localtunnel.me loclx.io netlify.live nport.link packetriot.net pagekite.me pinggy-free.link
	pinggy.io pinggy.link serveo.net serveousercontent.com sharedwithexpose.com telebit.cloud tunnelto.dev
	tuns.sh zrok.io

	nip.io sslip.io traefik.me xip.io

	cdpn.io claudeusercontent.com codepen.app codepen.io glitch.me jsbin.com jshell.net modal.run plnkr.co
	stackblitz.com stackblitz.io staticblitz.com surge.sh vscode-cdn.net webcontainer.io

	anvil.app beeceptor.com emergentagent.com hostingersite.com koyeb.app tiiny.site webhook.site weebly.com
	wordpress.com`)

// coversPublicSuffix reports whether strangers can own names below host: it is
// a public suffix (com, co.uk, github.io) or a shared host, or there are such
// names below it. A name without a dot that the list does not know, such as
// localhost or a company's internal domain, does not count as one.
func coversPublicSuffix(host string) bool {
	below := "x--probe." + host // a suffix by a rule such as *.compute.amazonaws.com
	if suffix, _ := publicsuffix.PublicSuffix(below); suffix == below {
		return true
	}
	domain, err := publicsuffix.EffectiveTLDPlusOne(host)
	if err != nil { // host is a suffix itself
		_, icann := publicsuffix.PublicSuffix(host)
		return icann || strings.Contains(host, ".")
	}
	return slices.Contains(sharedHosts, domain) || isSuffixParent(host)
}

// isHostingSuffix reports whether strangers get names directly below host from
// whoever runs it, as below vercel.app, and not from a registry, as below com.
func isHostingSuffix(host string) bool {
	suffix, icann := publicsuffix.PublicSuffix(host)
	if suffix == host {
		return !icann && strings.Contains(host, ".")
	}
	domain, _ := publicsuffix.EffectiveTLDPlusOne(host)
	return slices.Contains(sharedHosts, domain)
}

// registrable returns the part of host that one owner registers: one label
// below the names that strangers share, or all of host.
func registrable(host string) string {
	for at := strings.LastIndexByte(host, '.') + 1; ; at = strings.LastIndexByte(host[:at-1], '.') + 1 {
		if at == 0 || !coversPublicSuffix(host[at:]) {
			return host[at:]
		}
	}
}
