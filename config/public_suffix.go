package config

import (
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// The public suffix list answers for one name at a time and cannot be asked
// what is below one: s3.eu-west-1.amazonaws.com is a suffix, amazonaws.com is
// none. So the names above a suffix stand here; a test holds them to the list
// that golang.org/x/net was made from.
var (
	// providers are domains below which only customers have names, at any
	// depth, whether the list has that depth yet or not.
	providers = strings.Fields(`
	amazonaws.com amazonaws.com.cn amazoncognito.com amazonwebservices.com.cn amazonwebservices.eu on.aws
	sagemaker.aws sagemaker.com.cn crm.dev scw.cloud usgovcloudapi.net windows.net`)
	// suffixParents have a suffix somewhere below, beside names of their owner.
	suffixParents = strings.Fields(`
	addr.tools ae.flow.ch akershus.no aruba.jenv-aruba.cloud aseinet.ne.jp atlassian-dev.net
	aws-cloud9.us-east-1.amazonaws.com axarnet.cloud beebyte.io beebyteapp.io bigv.io brendly.ba brendly.hr
	brendly.rs bubble.io buskerud.no bytemark.co.uk canva.site canvasite.cn cdn77-secure.org cdn77.net cdn77.org
	cldmail.ru clever-cloud.com cloud.muni.cz cloud9.us-east-1.amazonaws.com cloudflareanycast.net
	cloudflarecn.net cloudflareglobal.net cloudlets.com.au cloudplatform.fi cloudscale.ch
	code-builder-stg.platform.salesforce.com code.com contentproxy9.cz cosidns.de crisp.email dappnode.io
	datacenter.fi datadetect.com dev.thingdust.io disrec.thingdust.io dogado.eu dualstack.us-east-1.amazonaws.com
	elastx.net emergentagent.com emf.camp encoway.cloud enscaled.us eur.aruba.jenv-aruba.cloud evennode.com
	evervault.app evervault.dev fastly.net fbsbx.com fedoraproject.org flow.ch forgerock.io funkfeuer.at
	hedmark.no her.name his.name hordaland.no hosted-by-previder.com hosteur.com hrsn.au hs-heilbronn.de
	ik-server.com interhostsolutions.be isk01.sakurastorage.jp isk02.sakurastorage.jp it.hs-heilbronn.de
	jelastic.cloud jelastic.com jelastic.vps-host.net jenv-aruba.cloud kuleuven.be lair.io layershift.co.uk
	linode.com linodeusercontent.com localcert.dev lpg.cloudscale.ch massivegrid.com massivegrid.net
	metacentrum.cz more-og-romsdal.no muni.cz mynetname.net mythic-beasts.com nabu.casa neen.it nftstorage.link
	noc.ruhr-uni-bochum.de nodeart.io nordland.no nospamproxy.com objectstorage.ch observableusercontent.com
	onstackit.cloud origin.cdn77-secure.org ortsinfo.at os.fedoraproject.org os.stg.fedoraproject.org ostfold.no
	ovh.net paas.massivegrid.net party.eus platform.salesforce.com platform.sh ply.gg prgmr.com
	prod.atlassian-dev.net prod.fastly.net prod.thingdust.io project-study.com quickconnect.cn quickconnect.to
	railway.app rb-hosting.io rdpa.co reclaim.cloud render.com repost.aws resinstaging.io retrosnub.co.uk rit.edu
	rma.cloudscale.ch sakurastorage.jp salesforce.com saveincloud.net scaleforce.com.cy scaleforce.net scrypted.io
	spawn.cc speedpartner.de srcf.net ssl.fastly.net stdlib.com stg.fedoraproject.org storacha.link tawk.email
	tawkto.email tb-hosting.com teckids.org telemark.no test.code-builder-stg.platform.salesforce.com
	testing.thingdust.io thingdust.io transip.me trendhosting.cloud typeform.com vestfold.no w3s.link
	wafaicloud.com webaccel.jp wiardweb.com xn--mre-og-romsdal-qqb.no xn--stfold-9xa.no`)
)

// coversPublicSuffix reports whether strangers can own names below host: it
// is a public suffix (com, co.uk, github.io), or names below it are ones. A
// name without a dot that the list does not know, such as localhost or a
// company's internal domain, is none.
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
	return slices.Contains(providers, domain) || slices.Contains(suffixParents, host)
}

// registrable is the part of host that one owner registers: what stands one
// label below the names that strangers share, or all of host.
func registrable(host string) string {
	domain, err := publicsuffix.EffectiveTLDPlusOne(host)
	if err != nil {
		return host
	}
	for domain != host && coversPublicSuffix(domain) {
		above := strings.TrimSuffix(host, "."+domain)
		domain = host[strings.LastIndexByte(above, '.')+1:]
	}
	return domain
}
