package origin

//go:generate go run suffix_parents_gen.go

import (
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// sharedHosts are domains below which strangers have names, at any depth,
// although the public suffix list lacks them or has only some of the depths.
// The list need not be complete. It protects those who write a wildcard for the host
// that they happen to work on.
var sharedHosts = slices.Concat(
	// Clouds: every customer's machines, containers, functions or buckets have names
	// here. Below bc.googleusercontent.com, every machine of Compute Engine has one.
	strings.Fields(`
	aliyuncs.com amazonaws.com amazonaws.com.cn amazoncognito.com amazonlightsail.com amazonwebservices.com.cn
	amazonwebservices.eu appdomain.cloud azure.com azurecontainerapps.io chinacloudapp.cn chinacloudsites.cn crm.dev
	databricksapps.com fcapp.run gigalixirapp.com googleusercontent.com kinsta.app kinsta.page mendixcloud.com
	msappproxy.net myqcloud.com nhost.run on.aws ondemand.com oraclecloud.com sagemaker.aws sagemaker.com.cn
	scalingo.io scw.cloud sevalla.app sevalla.page tcloudbaseapp.com usgovcloudapi.net usgovcloudapp.net windows.net`),

	// Development environments, sandboxes of AI agents, and previews: every workspace
	// has a name.
	strings.Fields(`
	bunnyenv.com chromatic.com cloudflareworkers.com cloudshell.dev cloudworkstations.dev coder.app codesandbox.io
	codesphere.com colab.dev daytona.app daytona.work daytona.works deepnoteproject.com e2b.dev github.dev gitpod.cloud
	gitpod.dev gitpod.io goorm.io goorm.site litng.ai modal.host runpod.net`),

	// Tunnels: every client has a name.
	strings.Fields(`
	bore.pub cpolar.top devtunnels.ms exp.direct gradio.live instatunnel.my jprq.app jprq.live lhr.life lhr.rocks
	lhrtunnel.link loca.lt localcan.dev localhost.run localtunnel.me loclx.io loophole.site netlify.live nport.link
	packetriot.net pagekite.me pinggy-free.link pinggy.io pinggy.link pitunnel.com pktriot.net portmap.host
	portmap.io remote.moe rt3.io serveo.net serveousercontent.com sharedwithexpose.com telebit.cloud tuna.am
	tunnelto.dev tuns.sh tunwg.com zrok.io`),

	// DNS: every IP address has a name.
	strings.Fields(`local-ip.co local-ip.sh nip.io plex.direct sslip.io traefik.me xip.io`),

	// Playgrounds: every snippet that a stranger publishes has a name.
	strings.Fields(`
	cdpn.io claudeusercontent.com codepen.app codepen.io glitch.me jsbin.com jsfiddle.net jshell.net mockable.io
	modal.run pipedream.net plnkr.co stackblitz.com stackblitz.io staticblitz.com surge.sh vscode-cdn.net
	vscode-unpkg.net webcontainer.io`),

	// Hosts and builders of sites: every site has a name.
	strings.Fields(`
	4everland.app anvil.app arweave.net beeceptor.com budibase.app edgeone.app emergentagent.com eth.limo ghost.io
	godaddysites.com hostingersite.com hs-sites.com ic0.app infinityfreeapp.com instawp.xyz kinsta.cloud koyeb.app
	manus.space mystrikingly.com neocities.org shinyapps.io softr.app sourceforge.io squarespace.com stormkit.dev
	tastewp.com tiiny.host tiiny.site tilda.ws tumblr.com webhook.site webnode.page weebly.com wordpress.com
	wpcomstaging.com`),
)

// coversPublicSuffix reports whether strangers can own names below host. That is so
// if host is a public suffix (com, co.uk, github.io) or a shared host, or if one is
// below it. A name without a dot that the list does not have, such as localhost or
// a company's internal domain, does not count.
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

// isHostingSuffix reports whether strangers get names directly below host from a
// hosting company, as below vercel.app, and not from a registry, as below com.
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
